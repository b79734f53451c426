#include "engine/source_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tenon {

std::int64_t modified_ns(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

namespace {

[[noreturn]] void throw_changed(const std::string& path, const std::string& how) {
  throw UserError({path, 0, 0, {}, "", ""}, "the file changed while it was being read: " + how,
                  "Run the command again when nothing writes to it.");
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

int SourceFiles::descriptor(std::uint32_t file) {
  Open& open = open_[file];
  std::call_once(open.opened, [&] {
    const int descriptor = ::open(path(file).c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      throw SystemError("open", path(file), errno,
                        errno == EMFILE ? "Allow more open files: ulimit -n 65536." : "");
    }
    open.descriptor = descriptor;
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    check_unchanged(file);
  });
  return open.descriptor;
}

void SourceFiles::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> out) {
  const int from = descriptor(file);
  while (!out.empty()) {
    const ssize_t got = pread(from, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SystemError("read", path(file), errno);
    if (got == 0) throw_changed(path(file), fmt::format("it ends at byte {} now", offset));
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

const std::byte* SourceFiles::map(std::uint32_t file) {
  Open& open = open_[file];
  const int from = descriptor(file);
  std::call_once(open.mapped, [&] {
    void* mapping = mmap(nullptr, files_[file].size, PROT_READ, MAP_SHARED, from, 0);
    if (mapping == MAP_FAILED) throw SystemError("map", path(file), errno);
    open.mapping = static_cast<std::byte*>(mapping);
  });
  return open.mapping;
}

void SourceFiles::will_need(std::uint32_t file, std::uint64_t offset, std::uint64_t bytes) {
  posix_fadvise(descriptor(file), static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
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
