#include "engine/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "base/text.h"

namespace tenon {

OutputFiles::OutputFiles(const std::vector<PlannedShard>& shards, const std::vector<bool>& wanted,
                         const std::filesystem::path& folder)
    : folder_(folder), files_(shards.size()) {
  for (std::size_t i = 0; i < shards.size(); ++i) total_ += wanted[i] ? shards[i].size : 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (!wanted[i]) continue;
    explain_full_disk("reserve space for",
                      [&] { files_[i].emplace(folder / shards[i].name, shards[i].size); });
    reserved_ = reserved_ && files_[i]->preallocated();
    write(static_cast<std::uint32_t>(i), 0, std::as_bytes(std::span(shards[i].header)));
  }
}

void OutputFiles::write(std::uint32_t shard, std::uint64_t offset, std::span<const std::byte> bytes) const {
  explain_full_disk("write", [&] { files_[shard]->write(offset, bytes); });
}

void OutputFiles::start_writeback(std::uint32_t shard, std::uint64_t offset, std::uint64_t bytes) const {
  sync_file_range(files_[shard]->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  SYNC_FILE_RANGE_WRITE);
}

void OutputFiles::finish(std::uint32_t shard, bool sync) {
  if (sync) files_[shard]->sync();
  files_[shard].reset();
}

void OutputFiles::explain_full_disk(const char* action, const std::function<void()>& step) const {
  try {
    step();
  } catch (const SystemError& error) {
    struct statvfs space {};
    const bool full = error.error_number() == ENOSPC || error.error_number() == EDQUOT;
    if (!full || statvfs(folder_.c_str(), &space) != 0) throw;
    const std::string hint =
        fmt::format("The shards take {}; {} are free there now. Make room or choose another destination.",
                    human_bytes(total_), human_bytes(std::uint64_t{space.f_bavail} * space.f_frsize));
    throw SystemError(action, error.path(), error.error_number(), hint);
  }
}

}  // namespace tenon
