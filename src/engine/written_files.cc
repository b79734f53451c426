#include "engine/written_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "checkpoint/file.h"
#include "engine/source_files.h"

namespace tenon {

ShardFile describe(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw SystemError("examine", path.native(), errno);
  return {path, static_cast<std::uint64_t>(status.st_size), modified_ns(status), {}};
}

std::optional<std::string> header_difference(const PlannedShard& shard, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / shard.name;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "the file is missing";
  const std::uint64_t size = std::filesystem::file_size(path);
  if (size != shard.size) return fmt::format("it has {} bytes instead of {}", size, shard.size);
  std::string header(shard.header.size(), '\0');
  read_at(open_for_reading(path), path, 0, header);
  const auto at = std::mismatch(header.begin(), header.end(), shard.header.begin()).first - header.begin();
  if (static_cast<std::size_t>(at) == header.size()) return std::nullopt;
  return fmt::format("its header differs at byte {}", at);
}

void forget_cached(const std::filesystem::path& path) {
  posix_fadvise(open_for_reading(path).get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace tenon
