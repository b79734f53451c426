#include "output/extra_files.h"

#include <algorithm>
#include <set>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "checkpoint/manifest.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// Names of side files; none where there is no manifest that can be read.
std::set<fs::path> known_files(const fs::path& folder) {
  std::set<fs::path> out;
  const fs::path path = folder / kManifestName;
  if (!fs::is_regular_file(path)) return out;
  try {
    const Manifest manifest = parse_manifest(read_text_file(path, kMaxManifestBytes), path.string());
    if (!manifest.side_files) return out;
    for (const FileRecord& file : *manifest.side_files) out.insert(file.name);
  } catch (const UserError&) {
    return out;
  }
  return out;
}

bool belongs_to_checkpoint(const fs::path& name) {
  return name.extension() == ".safetensors" || name.string().ends_with(".safetensors.index.json") ||
         name == kManifestName;
}

}  // namespace

std::vector<fs::path> extra_files(const fs::path& old, const fs::path& made) {
  std::vector<fs::path> out;
  const std::set<fs::path> known = known_files(old);
  for (const auto& entry : fs::recursive_directory_iterator(old)) {
    const fs::path name = entry.path().lexically_relative(old);
    if (!entry.is_regular_file() || known.contains(name) || belongs_to_checkpoint(name)) continue;
    if (!fs::exists(made / name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

void take_along(const std::vector<fs::path>& files, const fs::path& old, const fs::path& made, bool sync) {
  for (const fs::path& file : files) {
    make_folders((made / file).parent_path());
    std::error_code no_links;
    fs::create_hard_link(old / file, made / file, no_links);
    if (no_links) copy_file(old / file, made / file, sync, nobody(), {});
  }
}

}  // namespace tenon
