#include "engine/output_files.h"

#include <fcntl.h>

namespace tenon {

OutputFiles::OutputFiles(const std::vector<PlannedShard>& shards, const std::vector<bool>& wanted,
                         const std::filesystem::path& folder)
    : files_(shards.size()) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (!wanted[i]) continue;
    files_[i].emplace(folder / shards[i].name, shards[i].size);
    reserved_ = reserved_ && files_[i]->preallocated();
    write(static_cast<std::uint32_t>(i), 0, std::as_bytes(std::span(shards[i].header)));
  }
}

void OutputFiles::write(std::uint32_t shard, std::uint64_t offset, std::span<const std::byte> bytes) const {
  files_[shard]->write(offset, bytes);
}

void OutputFiles::start_writeback(std::uint32_t shard, std::uint64_t offset, std::uint64_t bytes) const {
  sync_file_range(files_[shard]->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  SYNC_FILE_RANGE_WRITE);
}

void OutputFiles::finish(std::uint32_t shard, bool sync, const Observer& observer) {
  if (sync) files_[shard]->sync(observer);
  files_[shard]->close();
  files_[shard].reset();
}

}  // namespace tenon
