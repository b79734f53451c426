#include "output/destination.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/file.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// Is `path` the folder or below it? Compared by what the system says is the same, so that neither links nor
// bind mounts hide it.
bool is_at_or_below(fs::path path, const fs::path& folder) {
  std::error_code error;
  for (;; path = path.parent_path()) {
    if (fs::equivalent(path, folder, error)) return true;
    if (!path.has_relative_path()) return false;
  }
}

bool looks_like_checkpoint(const fs::path& folder) {
  const fs::directory_iterator entries(folder);
  return std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    return entry.path().extension() == ".safetensors" || entry.path().filename() == kManifestName;
  });
}

}  // namespace

fs::path resolve_destination(const fs::path& given, const Checkpoint& source) {
  const fs::path path = given.has_filename() ? given : given.parent_path();
  if (path.empty()) throw UserError("output-unnamed"_id, place_of(given), "the destination has no name");
  std::error_code error;
  if (fs::is_symlink(path, error) && !fs::exists(path, error)) {
    throw UserError("output-dangling-link"_id, place_of(given), "the destination is a link to nothing");
  }
  const bool exists = fs::exists(path, error);
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::path destination =
      exists ? fs::canonical(path) : fs::weakly_canonical(fs::absolute(parent)) / path.filename();
  if (destination.filename().empty() || destination.filename() == "..") {
    throw UserError("output-unnamed"_id, place_of(given), "the destination has no name");
  }
  const fs::path origin = fs::canonical(source.path);
  if (is_at_or_below(destination, origin)) {
    throw UserError("output-is-source"_id, place_of(given),
                    "the destination is the source, or lies inside it", "The source is never written.");
  }
  if (exists && is_at_or_below(origin, destination)) {
    throw UserError("output-is-source"_id, place_of(given), "the destination holds the source",
                    "The source is never written.");
  }
  for (std::size_t i = source.own_shards(); exists && i < source.shards.size(); ++i) {
    if (is_at_or_below(fs::canonical(source.shards[i].path), destination))
      throw UserError("output-is-source"_id, place_of(given), "the destination holds what is filled in",
                      "The checkpoint that --fill-from names is never written.");
  }
  if (!exists) {
    make_folders(destination.parent_path());
  }
  return destination;
}

bool is_occupied(const fs::path& destination) {
  return fs::is_directory(destination) && !fs::is_empty(destination);
}

void require_free(const fs::path& destination, bool overwrite) {
  if (!fs::exists(destination)) return;
  if (!fs::is_directory(destination)) {
    throw UserError("output-is-file"_id, place_of(destination), "the destination is a file",
                    "Name a folder that does not exist.");
  }
  if (!is_occupied(destination)) return;
  if (!overwrite) {
    throw UserError("output-exists"_id, place_of(destination), "the destination exists",
                    "With --overwrite (in a batch file: overwrite: true) it is replaced, once the new one is "
                    "complete.");
  }
  if (!looks_like_checkpoint(destination)) {
    throw UserError("output-not-checkpoint"_id, place_of(destination),
                    "is no checkpoint's folder, and not replaced",
                    "--overwrite replaces folders with .safetensors files only. Remove this one yourself.");
  }
}

}  // namespace tenon
