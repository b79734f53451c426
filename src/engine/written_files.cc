#include "engine/written_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "checkpoint/file.h"
#include "engine/source_files.h"

namespace tenon {

ShardFile examine(const std::filesystem::path& path) {
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

std::uint64_t forget_cached(const ShardFile& file) {
  constexpr std::uint64_t kWindow = 1 << 30;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const FileDescriptor open = open_for_reading(file.path);
  posix_fadvise(open.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::uint64_t held = 0;
  for (std::uint64_t begin = 0; begin < file.size; begin += kWindow) {
    const std::uint64_t size = std::min(kWindow, file.size - begin);
    void* mapping = mmap(nullptr, size, PROT_READ, MAP_SHARED, open.get(), static_cast<off_t>(begin));
    if (mapping == MAP_FAILED) return file.size;
    std::vector<unsigned char> pages((size + page - 1) / page);
    const bool known = mincore(mapping, size, pages.data()) == 0;
    munmap(mapping, size);
    if (!known) return file.size;
    const auto is_held = [](unsigned char state) { return (state & 1) != 0; };
    held += page * static_cast<std::uint64_t>(std::count_if(pages.begin(), pages.end(), is_held));
  }
  return std::min(held, file.size);
}

}  // namespace tenon
