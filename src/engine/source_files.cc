#include "engine/source_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "checkpoint/file.h"

namespace tenon {
namespace {

constexpr std::uint64_t kFetchBlock = 4 << 20;
constexpr std::uint64_t kReadAhead = 2 * kFetchBlock;

[[noreturn]] void throw_changed(const std::string& path, const std::string& how) {
  throw UserError("file-changed"_id, {path, 0, 0, {}, "", ""},
                  "the file changed while it was being read: " + how,
                  "Run the command again when nothing writes to it.");
}

struct Pages {
  std::byte* begin;
  std::size_t size;
};

// The whole pages that a range touches.
Pages pages_of(std::byte* mapping, std::uint64_t offset, std::uint64_t size) {
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = offset / page * page;
  return {mapping + begin, offset + size - begin};
}

}  // namespace

SourceFiles::SourceFiles(const std::vector<ShardFile>& files)
    : files_(files), open_(std::make_unique<Open[]>(files.size())) {}

SourceFiles::~SourceFiles() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (open_[i].mapping != nullptr) munmap(open_[i].mapping, files_[i].size);
    if (open_[i].descriptor >= 0) close(open_[i].descriptor);
  }
}

SourceFiles::Open& SourceFiles::open(std::uint32_t file) {
  Open& open = open_[file];
  std::call_once(open.once, [&] {
    open.descriptor = ::open(path(file).c_str(), O_RDONLY | O_CLOEXEC);
    if (open.descriptor < 0) {
      throw SystemError("open", path(file), errno,
                        errno == EMFILE ? "Allow more open files: ulimit -n 65536." : "");
    }
    check_unchanged(file);
    void* mapping = mmap(nullptr, files_[file].size, PROT_READ, MAP_SHARED, open.descriptor, 0);
    if (mapping == MAP_FAILED) throw SystemError("map", path(file), errno);
    open.mapping = static_cast<std::byte*>(mapping);
    open.fetched = std::vector<std::atomic<bool>>(files_[file].size / kFetchBlock + 1);
  });
  return open;
}

int SourceFiles::descriptor(std::uint32_t file) {
  return open(file).descriptor;
}

std::span<const std::byte> SourceFiles::bytes(std::uint32_t file) {
  return {open(file).mapping, files_[file].size};
}

// These are hints: a kernel that does not know them faults page by page.
void SourceFiles::fetch(std::uint32_t file, std::uint64_t offset, std::uint64_t size) {
  const Pages pages = pages_of(open(file).mapping, offset, size);
  madvise(pages.begin, pages.size, MADV_POPULATE_READ);
}

void SourceFiles::fetch_once(std::uint32_t file, std::uint64_t offset, std::uint64_t size) {
  Open& from = open(file);
  for (std::uint64_t block = offset / kFetchBlock; block * kFetchBlock < offset + size; ++block) {
    if (from.fetched[block].load(std::memory_order_relaxed) || from.fetched[block].exchange(true)) continue;
    const std::uint64_t begin = block * kFetchBlock;
    posix_fadvise(from.descriptor, static_cast<off_t>(begin + kReadAhead), kFetchBlock, POSIX_FADV_WILLNEED);
    fetch(file, begin, std::min(kFetchBlock, files_[file].size - begin));
  }
}

void SourceFiles::release(std::uint32_t file, std::uint64_t offset, std::uint64_t size) {
  const Pages pages = pages_of(open(file).mapping, offset, size);
  madvise(pages.begin, pages.size, MADV_DONTNEED);
}

void SourceFiles::check_unchanged(std::uint32_t file) {
  struct stat now {};
  if (fstat(open_[file].descriptor, &now) != 0) throw SystemError("examine", path(file), errno);
  const auto size = static_cast<std::uint64_t>(now.st_size);
  if (size != files_[file].size) {
    throw_changed(path(file), fmt::format("it had {} bytes and has {}", files_[file].size, size));
  }
  if (modified_ns(now) != files_[file].modified_ns) throw_changed(path(file), "it has been written to");
}

void SourceFiles::check_unchanged() {
  for (std::uint32_t i = 0; i < files_.size(); ++i) {
    if (open_[i].descriptor >= 0) check_unchanged(i);
  }
}

void SourceFiles::throw_lost_page(std::uint32_t file) {
  check_unchanged(file);
  throw SystemError("read", path(file), EIO, "A page of the mapped file could not be read.");
}

void allow_open_files(std::size_t files) {
  constexpr std::size_t kOthers = 64;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= files + kOthers) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, files + kOthers);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace tenon
