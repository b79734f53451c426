#include "checkpoint/find_shards.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"
#include "checkpoint/kept.h"
#include "checkpoint/shard_names.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxIndexBytes = 64'000'000;
constexpr std::string_view kIndexSuffix = ".safetensors.index.json";

struct Listing {
  std::vector<std::string> weights;  // *.safetensors, sorted
  std::vector<std::string> indexes;  // *.safetensors.index.json, sorted
  bool has_pytorch = false;
};

Listing list(const fs::path& folder) {
  Listing out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".safetensors") && name != kKeptFile) out.weights.push_back(name);
    if (name.ends_with(kIndexSuffix)) out.indexes.push_back(name);
    if (name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt")) out.has_pytorch = true;
  }
  if (error) throw SystemError("list", folder.string(), error.value());
  std::sort(out.weights.begin(), out.weights.end());
  std::sort(out.indexes.begin(), out.indexes.end());
  return out;
}

std::string choose_index(const Listing& listing, const fs::path& folder) {
  if (listing.indexes.empty()) return "";
  if (is_listed(listing.indexes, kIndexName)) return kIndexName;
  if (listing.indexes.size() == 1) return listing.indexes.front();
  throw UserError("shard-ambiguous"_id, place_of(folder),
                  fmt::format("holds {} indexes and none of them is {}: {}", listing.indexes.size(),
                              kIndexName, join_some(listing.indexes)),
                  "Move all but one of them, and their shards, out of the folder.");
}

std::string choose_single_file(const Listing& listing, const fs::path& folder) {
  const Place place = place_of(folder);
  if (is_listed(listing.weights, kSingleFileName)) return kSingleFileName;
  if (listing.weights.size() == 1) return listing.weights.front();
  if (listing.weights.empty()) {
    throw UserError("shard-none"_id, place, "holds no .safetensors file",
                    listing.has_pytorch
                        ? "It holds PyTorch files; only safetensors checkpoints are read. In Python: "
                          "safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
                          "\"model.safetensors\")."
                        : "");
  }
  throw UserError(
      "shard-ambiguous"_id, place,
      fmt::format("holds {} .safetensors files ({}), but neither an index nor {}", listing.weights.size(),
                  join_some(listing.weights, 3), kSingleFileName),
      fmt::format("Fetch {} too, read them without it by --index ignore, or name the one file that is meant.",
                  kIndexName));
}

// A reader that finds both takes the one or the other; they must be one and the same.
void refuse_both(const FoundShards& found, const Listing& listing, const fs::path& folder) {
  if (!is_listed(listing.weights, kSingleFileName) || is_listed(found.names, kSingleFileName)) return;
  throw UserError(
      "shard-ambiguous"_id, place_of(folder),
      fmt::format("holds both {} and {}, which does not list it", kSingleFileName, found.index_name),
      "Readers differ in which of them they take. Remove the one that is not meant.");
}

}  // namespace

FoundShards find_shards(const fs::path& folder, const OpenOptions& how, Diagnostics& warnings) {
  const Listing listing = list(folder);
  FoundShards found;
  if (!how.ignore_index) found.index_name = choose_index(listing, folder);
  if (how.ignore_index && !listing.weights.empty()) {
    found.names = shards_by_name(listing.weights, folder);
  } else if (found.index_name.empty()) {
    found.names = {choose_single_file(listing, folder)};
  } else {
    const fs::path path = folder / found.index_name;
    require_inside(folder, path, how.follow_links);
    found.index = parse_index(read_text_file(path, kMaxIndexBytes), path.string());
    found.names = found.index->shards;
    refuse_both(found, listing, folder);
  }
  for (const auto* names : {&listing.weights, &listing.indexes}) {
    std::copy_if(
        names->begin(), names->end(), std::back_inserter(found.others),
        [&](const std::string& name) { return name != found.index_name && !is_listed(found.names, name); });
  }
  if (!found.others.empty()) {
    std::vector<std::string> names;
    for (const std::string& name : found.others) names.push_back(shown(name));
    warnings.warning("shard-foreign"_id, place_of(folder),
                     fmt::format("no part of the checkpoint, and left alone: {}", join_some(names)));
  }
  return found;
}

bool stays_inside(const fs::path& folder, const fs::path& file) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) return false;
  const fs::path target = fs::canonical(file, error);
  if (error) return false;
  if (std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end()) return true;
  for (fs::path p = root; p.has_relative_path(); p = p.parent_path()) {
    if (p.filename() == "snapshots") return target.parent_path() == p.parent_path() / "blobs";
  }
  return false;
}

void require_inside(const fs::path& folder, const fs::path& file, bool follow_links) {
  if (stays_inside(folder, file)) return;
  std::error_code error;
  if (!fs::exists(file, error))
    throw UserError("link-leaves-folder"_id, place_of(file), "is a link to nothing",
                    "Put the file itself there.");
  if (follow_links) return;
  throw UserError("link-leaves-folder"_id, place_of(file), "is a link that leaves the folder",
                  "Put the file itself there, or follow such links with --follow-links.");
}

}  // namespace tenon
