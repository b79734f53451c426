// The hidden folder beside the destination in which a conversion works, and the lock that keeps a second run
// away. What a killed run left in it is recognised.
//
//   .NAME.tenon-work/tenon.lock   held while a run is alive; says which, and which inode `output` has
//                    journal      finished shards, for --resume
//                    output/      becomes the destination
//                    old/         the former destination, while it is replaced in two steps
//                    moving       while files move one by one: which; `moved` when all have
#pragma once

#include <filesystem>

#include "base/diagnostics.h"
#include "checkpoint/file.h"

namespace tenon {

class WorkFolder {
 public:
  /// Makes the folder or takes over what is there, and locks it. A replacement that was cut short is finished
  /// or undone. Throws UserError where another run holds the lock or the folder is not tenon's, SystemError.
  WorkFolder(const std::filesystem::path& destination, Diagnostics& notes);

  /// Removes the folder unless told to keep it.
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  /// The folder's path, whether it exists or not.
  static std::filesystem::path path_for(const std::filesystem::path& destination);

  /// Had an earlier run finished, but for tidying up?
  bool committed() const { return committed_; }

  /// Makes `output`, empty unless an earlier run's is to be kept. Throws SystemError.
  void make_output(bool keep_earlier, Diagnostics& notes);

  void keep(bool on) { keep_ = on; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path journal() const { return path_ / "journal"; }
  std::filesystem::path output() const { return path_ / "output"; }
  std::filesystem::path old() const { return path_ / "old"; }
  std::filesystem::path moving() const { return path_ / "moving"; }
  std::filesystem::path moved() const { return path_ / "moved"; }

 private:
  bool try_lock(const std::filesystem::path& destination, Diagnostics& notes);
  void recover(const std::filesystem::path& destination, Diagnostics& notes);
  void remove() const;

  std::filesystem::path path_;
  FileDescriptor lock_{-1};
  /// until it is ours
  bool keep_ = true;
  bool committed_ = false;
};

}  // namespace tenon
