#include "output/move_files.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "checkpoint/index.h"
#include "checkpoint/manifest.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxRecordBytes = 64'000'000;

int turn_of(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == kManifestName ? 2 : name == kIndexName ? 1 : 0;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(folder));
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(turn_of(a), a) < std::pair(turn_of(b), b);
  });
  return files;
}

// A name may hold any byte but 0.
std::string record_text(const std::vector<fs::path>& files) {
  std::string text;
  for (const fs::path& file : files) text += file.native() + '\0';
  return text;
}

std::vector<fs::path> recorded_files(const fs::path& record) {
  const std::string text = read_text_file(record, kMaxRecordBytes);
  std::vector<fs::path> files;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\0', begin)) != std::string::npos; begin = end + 1)
    files.emplace_back(text.substr(begin, end - begin));
  return files;
}

void move_file(const fs::path& from, const fs::path& to) {
  if (rename_path(from, to) == 0) return;
  if (errno != EXDEV && !is_unsupported(errno)) throw SystemError("move to", to.string(), errno);
  copy_file(from, to, true);
}

// A copy's original is still in `output`.
void move_file_back(const fs::path& output, const fs::path& destination, const fs::path& file) {
  if (fs::exists(output / file)) {
    remove_tree(destination / file);
  } else if (fs::exists(destination / file) && rename_path(destination / file, output / file) != 0) {
    throw SystemError("move back", (destination / file).string(), errno);
  }
  std::error_code not_empty;
  for (fs::path folder = file.parent_path(); !folder.empty(); folder = folder.parent_path())
    fs::remove(destination / folder, not_empty);
}

}  // namespace

void move_files(const fs::path& output, const fs::path& destination, const fs::path& record,
                const fs::path& done) {
  const std::vector<fs::path> files = files_below(output);
  const fs::path fresh = record.string() + ".new";
  write_text_file(fresh, record_text(files), true);
  if (rename_path(fresh, record) != 0) throw SystemError("rename", fresh.string(), errno);
  sync_folder(record.parent_path());
  try {
    std::set<fs::path> folders = {destination};
    make_folders(destination);
    for (const fs::path& file : files) {
      const fs::path folder = (destination / file).parent_path();
      make_folders(folder);
      folders.insert(folder);
      move_file(output / file, destination / file);
    }
    for (const fs::path& folder : folders) sync_folder(folder);
    if (rename_path(record, done) != 0) throw SystemError("rename", record.string(), errno);
  } catch (...) {
    move_back(output, destination, record);
    throw;
  }
}

void move_back(const fs::path& output, const fs::path& destination, const fs::path& record) {
  const std::vector<fs::path> files = recorded_files(record);
  for (auto file = files.rbegin(); file != files.rend(); ++file) move_file_back(output, destination, *file);
  std::error_code not_empty;
  fs::remove(destination, not_empty);
  remove_tree(record);
}

}  // namespace tenon
