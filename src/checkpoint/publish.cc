#include "checkpoint/publish.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "checkpoint/destination.h"
#include "checkpoint/file.h"
#include "checkpoint/index.h"
#include "checkpoint/manifest.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

Place place(const fs::path& path) {
  return {path.string(), 0, 0, {}, "", ""};
}

// Is this what a file system says that does not know the call?
bool unsupported(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EXDEV;
}

// A reader takes a folder with an index or a manifest for complete.
int turn_of(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == kManifestName ? 2 : name == kIndexName ? 1 : 0;
}

void move_file(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return;
  if (!unsupported(errno)) throw SystemError("move to", to.string(), errno);
  copy_file(from, to, true);
}

void move_files(const fs::path& output, const fs::path& destination) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(output));
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return turn_of(a) < turn_of(b); });
  const bool was_there = fs::exists(destination);
  try {
    for (const fs::path& file : files) {
      fs::create_directories((destination / file).parent_path());
      move_file(output / file, destination / file);
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(destination, ignored);
    if (was_there) fs::create_directory(destination, ignored);
    throw;
  }
}

void swap_in_two_steps(const fs::path& output, const fs::path& destination, const fs::path& aside) {
  if (std::rename(destination.c_str(), aside.c_str()) != 0) {
    throw SystemError("put aside", destination.string(), errno, "Remove it yourself, then convert again.");
  }
  if (std::rename(output.c_str(), destination.c_str()) == 0) return;
  const int error = errno;
  std::rename(aside.c_str(), destination.c_str());
  throw SystemError("replace", destination.string(), error);
}

}  // namespace

void publish(const fs::path& output, const fs::path& destination, const fs::path& aside, Diagnostics& notes) {
  if (is_occupied(destination)) {
    if (::renameat2(AT_FDCWD, output.c_str(), AT_FDCWD, destination.c_str(), RENAME_EXCHANGE) == 0) return;
    if (!unsupported(errno)) throw SystemError("replace", destination.string(), errno);
    notes.note(place(destination), "this file system cannot swap folders; it was replaced in two steps");
    return swap_in_two_steps(output, destination, aside);
  }
  if (std::rename(output.c_str(), destination.c_str()) == 0) return;
  if (!unsupported(errno)) throw SystemError("create", destination.string(), errno);
  notes.note(place(destination), "this file system cannot rename folders; its files were moved one by one");
  move_files(output, destination);
}

}  // namespace tenon
