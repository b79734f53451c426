#include "engine/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace tenon {
namespace {

template <typename Call>
auto retry_interrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

OutputFiles::OutputFiles(const std::vector<PlannedShard>& shards, const std::vector<bool>& wanted,
                         const std::filesystem::path& folder) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    files_.push_back({folder / shards[i].name});
    if (wanted[i]) total_ += shards[i].size;
  }
  try {
    for (std::size_t i = 0; i < shards.size(); ++i) {
      if (wanted[i]) create(shards[i], files_[i]);
    }
  } catch (...) {
    for (const File& file : files_) {
      if (file.descriptor >= 0) close(file.descriptor);
    }
    throw;
  }
}

OutputFiles::~OutputFiles() {
  for (const File& file : files_) {
    if (file.descriptor >= 0) close(file.descriptor);
  }
}

void OutputFiles::create(const PlannedShard& shard, File& file) {
  file.descriptor = open(file.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.descriptor < 0) throw_failure("create", file, errno);
  const auto size = static_cast<off_t>(shard.size);
  if (retry_interrupted([&] { return fallocate(file.descriptor, 0, 0, size); }) != 0) {
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
      throw_failure("reserve space for", file, errno);
    reserved_ = false;
    if (retry_interrupted([&] { return ftruncate(file.descriptor, size); }) != 0)
      throw_failure("extend", file, errno);
  }
  const auto shard_index = static_cast<std::uint32_t>(&file - files_.data());
  write(shard_index, 0, std::as_bytes(std::span(shard.header)));
}

void OutputFiles::write(std::uint32_t shard, std::uint64_t offset, std::span<const std::byte> bytes) {
  const File& file = files_[shard];
  while (!bytes.empty()) {
    const ssize_t put = retry_interrupted(
        [&] { return pwrite(file.descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put < 0) throw_failure("write", file, errno);
    if (put == 0) throw_failure("write", file, EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

void OutputFiles::start_writeback(std::uint32_t shard, std::uint64_t offset, std::uint64_t bytes) {
  sync_file_range(files_[shard].descriptor, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  SYNC_FILE_RANGE_WRITE);
}

void OutputFiles::finish(std::uint32_t shard, bool sync) {
  File& file = files_[shard];
  if (sync && retry_interrupted([&] { return fsync(file.descriptor); }) != 0)
    throw_failure("sync", file, errno);
  const int closed = close(std::exchange(file.descriptor, -1));
  if (closed != 0 && errno != EINTR) throw_failure("close", file, errno);
}

void OutputFiles::throw_failure(const char* action, const File& file, int error) const {
  std::string hint;
  struct statvfs space {};
  if ((error == ENOSPC || error == EDQUOT) && statvfs(file.path.parent_path().c_str(), &space) == 0) {
    hint = fmt::format("The shards take {}; {} are free there now. Make room or choose another destination.",
                       human_bytes(total_), human_bytes(std::uint64_t{space.f_bavail} * space.f_frsize));
  } else if (error == EMFILE) {
    hint = "Allow more open files: ulimit -n 65536.";
  }
  throw SystemError(action, file.path.native(), error, hint);
}

}  // namespace tenon
