#include "tasks/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "checkpoint/file.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// A folder to try things in, gone when it goes.
class TrialFolder {
 public:
  explicit TrialFolder(const fs::path& parent) : path_((parent / ".tenon-doctor.XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw SystemError("write in", parent.string(), errno);
  }
  ~TrialFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;
  fs::path operator/(const char* name) const { return fs::path(path_) / name; }

 private:
  std::string path_;
};

std::string failure(int error) {
  return std::strerror(error);  // NOLINT(concurrency-mt-unsafe)
}

DoctorCheck reserving(const TrialFolder& folder) {
  const FileDescriptor file(::open((folder / "reserve").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (::fallocate(file.get(), 0, 0, 1 << 20) == 0)
    return {"reserve space", true, "files get their space at once"};
  return {"reserve space", false, fmt::format("{}: a full disk is found only while writing", failure(errno))};
}

DoctorCheck syncing(const TrialFolder& folder) {
  const fs::path path = folder / "sync";
  const FileDescriptor file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const FileDescriptor parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::fsync(file.get()) != 0)
    return {"sync files", false, fmt::format("{}: use --no-sync", failure(errno))};
  if (::fsync(parent.get()) != 0)
    return {"sync folders", false, fmt::format("{}: names may be lost with the power", failure(errno))};
  return {"sync files and folders", true, "what is written is safe from power loss"};
}

DoctorCheck swapping(const TrialFolder& folder) {
  fs::create_directory(folder / "a");
  fs::create_directory(folder / "b");
  if (::renameat2(AT_FDCWD, (folder / "a").c_str(), AT_FDCWD, (folder / "b").c_str(), RENAME_EXCHANGE) == 0)
    return {"swap folders", true, "--overwrite replaces a destination in one step"};
  return {"swap folders", false,
          fmt::format("{}: --overwrite puts the old folder aside first", failure(errno))};
}

DoctorCheck locking(const TrialFolder& folder) {
  const FileDescriptor file(::open((folder / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
    return {"lock files", true, "a second run to one destination is kept away"};
  return {"lock files", false,
          fmt::format("{}: two runs to one destination are not told apart", failure(errno))};
}

std::uint64_t machine_memory() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

}  // namespace

DoctorReport examine_machine(const std::string& folder) {
  DoctorReport report;
  report.facts = build_facts();
  report.folder = folder.empty() ? "." : folder;
  if (!fs::is_directory(report.folder))
    throw UserError("file-absent"_id, place_of(report.folder), "there is no such folder");
  report.threads = std::thread::hardware_concurrency();
  report.memory = machine_memory();
  struct statvfs disk {};
  if (::statvfs(report.folder.c_str(), &disk) == 0)
    report.free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const TrialFolder trial(report.folder);
  report.checks = {reserving(trial), syncing(trial), swapping(trial), locking(trial)};
  const bool has_gpu = !report.facts.cuda.starts_with("none");
  report.checks.push_back({"GPU for parity", has_gpu, report.facts.cuda});
  report.checks.push_back({"rule library", !report.facts.rules.starts_with("none"), report.facts.rules});
  return report;
}

}  // namespace tenon
