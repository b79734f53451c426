#include "output/publish.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "checkpoint/file.h"
#include "output/destination.h"
#include "output/move_files.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// Does this errno say that the folder cannot be renamed in this way, but perhaps in another? A mount point is
// busy.
bool needs_another_way(int error) {
  return is_unsupported(error) || error == EXDEV || error == EBUSY;
}

void swap_in_two_steps(const fs::path& output, const fs::path& destination, const fs::path& aside) {
  if (rename_path(destination, aside) != 0) {
    throw SystemError("put aside", destination.string(), errno, "Remove it yourself, then convert again.");
  }
  if (rename_path(output, destination) == 0) return;
  const int error = errno;
  rename_path(aside, destination);
  throw SystemError("replace", destination.string(), error);
}

}  // namespace

void publish(const WorkFolder& work, const fs::path& destination, Diagnostics& notes) {
  const fs::path output = work.output();
  if (is_occupied(destination)) {
    const auto swap = [&] {
      return ::renameat2(AT_FDCWD, output.c_str(), AT_FDCWD, destination.c_str(), RENAME_EXCHANGE);
    };
    if (uninterrupted(swap) == 0) return;
    if (!needs_another_way(errno)) throw SystemError("replace", destination.string(), errno);
    notes.note("output-file-system"_id, place_of(destination),
               "this file system cannot swap folders; it was replaced in two steps");
    return swap_in_two_steps(output, destination, work.old());
  }
  if (rename_path(output, destination) == 0) return;
  if (!needs_another_way(errno)) throw SystemError("create", destination.string(), errno);
  notes.note("output-file-system"_id, place_of(destination),
             "this file system cannot rename folders; its files were moved one by one");
  move_files(output, destination, work.moving(), work.moved());
}

}  // namespace tenon
