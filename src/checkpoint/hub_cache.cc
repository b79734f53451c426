#include "checkpoint/hub_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "base/text.h"
#include "checkpoint/file.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxRefBytes = 4096;

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

fs::path cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string folder = environment(name); !folder.empty()) return folder;
  }
  if (const std::string home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  if (const std::string caches = environment("XDG_CACHE_HOME"); !caches.empty())
    return fs::path(caches) / "huggingface/hub";
  return fs::path(environment("HOME")) / ".cache/huggingface/hub";
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<std::string> snapshots_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "snapshots")) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What refs/main names, "" where there is no such file.
std::string main_revision(const fs::path& folder) {
  const fs::path path = folder / "refs/main";
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return "";
  std::string text = read_text_file(path, kMaxRefBytes);
  text.erase(std::find_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }),
             text.end());
  return text;
}

fs::path snapshot_in(const fs::path& folder) {
  const std::vector<std::string> names = snapshots_in(folder);
  if (names.empty()) {
    throw UserError("hub-no-snapshot"_id, place_of(folder), "is a hub's cache folder without a snapshot",
                    "Fetch the checkpoint again.");
  }
  const std::string main = main_revision(folder);
  if (std::find(names.begin(), names.end(), main) != names.end()) return folder / "snapshots" / main;
  if (names.size() == 1) return folder / "snapshots" / names.front();
  throw UserError(
      "hub-several-snapshots"_id, place_of(folder),
      fmt::format("is a hub's cache folder with {} snapshots, and refs/main names none of them: {}",
                  names.size(), join_some(names)),
      fmt::format("Name the one that is meant: {}.", (folder / "snapshots" / names.front()).string()));
}

// "org/name" to "models--org--name"; "" where the text is no repository's id.
std::string folder_of_id(const std::string& id) {
  const std::size_t slash = id.find('/');
  const auto is_part = [](std::string_view part) {
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
             c == '_' || c == '.';
    };
    return !part.empty() && part.front() != '.' && std::all_of(part.begin(), part.end(), fits);
  };
  if (slash == std::string::npos || !is_part(std::string_view(id).substr(0, slash)) ||
      !is_part(std::string_view(id).substr(slash + 1))) {
    return "";
  }
  return fmt::format("models--{}--{}", id.substr(0, slash), id.substr(slash + 1));
}

}  // namespace

std::optional<fs::path> hub_snapshot(const fs::path& given) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(given, error))) {
    const fs::path folder = given.has_filename() ? given : given.parent_path();
    const bool is_cache = folder.filename().string().starts_with("models--") || is_folder(folder / "refs");
    if (!is_cache || !is_folder(folder / "snapshots")) return std::nullopt;
    return snapshot_in(folder);
  }
  const std::string name = folder_of_id(given.string());
  if (name.empty() || !is_folder(cache_folder() / name / "snapshots")) return std::nullopt;
  return snapshot_in(cache_folder() / name);
}

}  // namespace tenon
