// Opens a checkpoint: finds its shards, reads their headers, compares them with the index, reads config and
// manifest, lists the files beside them. Every step's mistakes are collected; all are reported together.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "checkpoint/checkpoint.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "checkpoint/find_shards.h"
#include "checkpoint/header.h"
#include "checkpoint/headers_file.h"
#include "checkpoint/hub_cache.h"
#include "checkpoint/json_text.h"
#include "checkpoint/kept.h"
#include "checkpoint/natural_order.h"
#include "checkpoint/side_files.h"
#include "options/options.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// Runs a step; what is wrong with its input is kept, and the next step goes on.
template <typename Step>
void collecting(Diagnostics& diagnostics, Step step) {
  try {
    step();
  } catch (const UserError& error) {
    // What is wrong with many shards tends to have one cause: a download that was cut off.
    for (const Diagnostic& d : error.diagnostics()) diagnostics.add_once("", d);
  }
}

void refuse_other_files(const fs::path& path) {
  if (path.extension() == ".safetensors") return;
  throw UserError("shard-not-safetensors"_id, place_of(path), "is not a .safetensors file",
                  "Only safetensors checkpoints are read, and files that `tenon headers` wrote.");
}

// "org/name", as hubs call a repository.
std::string hint_for_absent(const fs::path& path) {
  const std::string text = path.string();
  const bool like_an_id = std::count(text.begin(), text.end(), '/') == 1 && !text.ends_with('/') &&
                          !text.starts_with('.') && !text.starts_with('/') && !path.has_extension();
  if (!like_an_id) return "";
  return fmt::format("Nor is a repository of this id in the local hub cache: hf download {} puts it there.",
                     text);
}

// The checkpoint's folder and shards, by what the user gave.
FoundShards locate(const fs::path& path, const OpenOptions& how, Checkpoint& checkpoint,
                   Diagnostics& diagnostics) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    throw UserError("file-absent"_id, place_of(path), "there is no such file or folder",
                    hint_for_absent(path));
  if (error) throw SystemError("examine", path.string(), error.value());
  if (status.type() == fs::file_type::directory) {
    checkpoint.directory = path.has_filename() ? path : path.parent_path();
    return find_shards(checkpoint.directory, how, diagnostics);
  }
  refuse_other_files(path);
  checkpoint.directory = path.has_parent_path() ? path.parent_path() : ".";
  if (fs::exists(checkpoint.directory / kIndexName, error)) {
    diagnostics.warning("shard-alone"_id, place_of(path),
                        fmt::format("only this file is read, though {} lies beside it", kIndexName),
                        "Give the folder to read all of its shards.");
  }
  FoundShards found;
  found.names = {path.filename().string()};
  return found;
}

void open_shard(const std::string& name, bool listed, bool follow_links, Checkpoint& checkpoint,
                Diagnostics& diagnostics) {
  const fs::path path = checkpoint.directory / name;
  std::error_code error;
  if (listed && fs::symlink_status(path, error).type() == fs::file_type::not_found) {
    throw UserError("shard-missing"_id, place_of(path), "the index lists this shard, but it is not there",
                    "Fetch it from where the checkpoint came from.");
  }
  if (listed) require_inside(checkpoint.directory, path, follow_links);
  OpenedShard opened = read_header(path, diagnostics);
  std::vector<Tensor>& tensors = opened.header.tensors;
  for (Tensor& tensor : tensors) tensor.shard = static_cast<std::uint32_t>(checkpoint.shards.size());
  if (checkpoint.tensors.empty()) {
    checkpoint.tensors = std::move(tensors);  // one large header is not held twice
  } else {
    std::move(tensors.begin(), tensors.end(), std::back_inserter(checkpoint.tensors));
  }
  checkpoint.shards.push_back({path, opened.size, opened.modified_ns, std::move(opened.header.metadata)});
}

// Without an index nobody has said which of the two is meant.
void refuse_doubles(const Checkpoint& checkpoint, Diagnostics& diagnostics) {
  const std::vector<Tensor>& tensors = checkpoint.tensors;
  std::vector<std::string> keys;
  std::size_t first = 0;
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    if (tensors[i - 1].key != tensors[i].key) continue;
    if (keys.empty()) first = i;
    keys.push_back(tensors[i].key);
  }
  if (keys.empty()) return;
  const auto shard = [&](std::size_t i) {
    return checkpoint.shards[tensors[i].shard].path.filename().string();
  };
  diagnostics.error(
      "shards-double"_id, {checkpoint.directory.string(), 0, 0, {}, shown(keys.front()), ""},
      fmt::format("is in two files, {} and {}{}", shard(first - 1), shard(first),
                  keys.size() == 1 ? "" : fmt::format(" (and {} more tensors)", keys.size() - 1)),
      "Move the file that is not meant out of the folder.");
}

void open_shards(const FoundShards& found, bool given_as_file, bool follow_links, Checkpoint& checkpoint,
                 Diagnostics& diagnostics) {
  for (const std::string& name : found.names) {
    collecting(diagnostics, [&] { open_shard(name, !given_as_file, follow_links, checkpoint, diagnostics); });
  }
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  const bool all_open = checkpoint.shards.size() == found.names.size();
  if (found.index && all_open) {
    check_index(*found.index, checkpoint.tensors, (checkpoint.directory / found.index_name).string(),
                diagnostics);
  } else if (all_open) {
    refuse_doubles(checkpoint, diagnostics);
  }
}

// What a conversion kept for the way back lies beside its shards; no index lists it.
void open_kept(bool follow_links, Checkpoint& checkpoint, Diagnostics& diagnostics) {
  std::error_code error;
  for (const char* const name : {kKeptFile, kManifestName}) {
    if (fs::symlink_status(checkpoint.directory / name, error).type() == fs::file_type::not_found) return;
  }
  open_shard(kKeptFile, true, follow_links, checkpoint, diagnostics);
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
}

// A file beside the shards, or nothing where there is none.
std::optional<std::string> read_beside(const Checkpoint& checkpoint, const char* name, std::uint64_t limit,
                                       bool follow_links) {
  const fs::path path = checkpoint.directory / name;
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) return std::nullopt;
  require_inside(checkpoint.directory, path, follow_links);
  return read_text_file(path, limit);
}

void read_config(Checkpoint& checkpoint, bool follow_links) {
  auto text = read_beside(checkpoint, "config.json", kMaxConfigBytes, follow_links);
  if (!text) return;
  const fs::path path = checkpoint.directory / "config.json";
  checkpoint.config = parse_config(*text, path.string());
  checkpoint.has_config = true;
  checkpoint.config_text = std::move(*text);
}

bool describes(const std::vector<TensorRecord>& records, const std::vector<Tensor>& tensors) {
  return std::equal(records.begin(), records.end(), tensors.begin(), tensors.end(),
                    [](const auto& a, const auto& b) {
                      return a.key == b.key && a.dtype == b.dtype && a.shape == b.shape;
                    });
}

void read_manifest(Checkpoint& checkpoint, bool follow_links, Diagnostics& diagnostics) {
  const auto text = read_beside(checkpoint, kManifestName, kMaxManifestBytes, follow_links);
  if (!text) return;
  const fs::path path = checkpoint.directory / kManifestName;
  Manifest manifest = parse_manifest(*text, path.string());
  const auto any_kept = [](const auto& tensors) {
    return std::any_of(tensors.begin(), tensors.end(), [](const auto& t) { return is_kept(t.key); });
  };
  if (describes(manifest.output, checkpoint.tensors)) {
    checkpoint.manifest = std::move(manifest);
  } else if (any_kept(manifest.output) && !any_kept(checkpoint.tensors)) {
    diagnostics.error(
        "kept-missing"_id, place_of(checkpoint.directory / kKeptFile),
        "is not there, and the manifest speaks of it: scales and the like that the way back needs",
        "Fetch it from where this folder came from. Without it, and without the manifest, the folder "
        "is an ordinary checkpoint of what it holds.");
  } else {
    diagnostics.warning("manifest-mismatch"_id, place_of(path),
                        "describes other tensors than the checkpoint holds, and is not used");
  }
}

}  // namespace

std::uint64_t Checkpoint::total_bytes() const {
  std::uint64_t total = 0;
  for (const Tensor& tensor : tensors) total += tensor.bytes;
  return total;
}

const Tensor* Checkpoint::find(std::string_view key) const {
  const auto at =
      std::lower_bound(tensors.begin(), tensors.end(), key,
                       [](const Tensor& tensor, std::string_view k) { return natural_less(tensor.key, k); });
  return at != tensors.end() && at->key == key ? &*at : nullptr;
}

OpenOptions open_options(const Options& options) {
  return {options.follow_links, options.index == "ignore", options.side_files == "all"};
}

Checkpoint open_checkpoint(const fs::path& given, const OpenOptions& how) {
  Checkpoint checkpoint;
  Diagnostics diagnostics;
  const std::optional<fs::path> snapshot = hub_snapshot(given);
  const fs::path path = snapshot.value_or(given);
  if (may_be_headers(path)) return read_headers(path);
  checkpoint.path = path;
  if (snapshot) {
    diagnostics.note("hub-snapshot"_id, place_of(given),
                     fmt::format("is in the hub's cache: {}", snapshot->string()));
  }
  FoundShards found;
  collecting(diagnostics, [&] { found = locate(path, how, checkpoint, diagnostics); });
  if (checkpoint.directory.empty()) diagnostics.throw_if_errors();
  const bool given_as_file = !fs::is_directory(path);
  checkpoint.single_file = found.names.size() <= 1 && !found.index;
  if (found.index) checkpoint.index_name = found.index_name;

  open_shards(found, given_as_file, how.follow_links, checkpoint, diagnostics);
  if (!found.names.empty())
    collecting(diagnostics, [&] { open_kept(how.follow_links, checkpoint, diagnostics); });
  collecting(diagnostics, [&] { read_config(checkpoint, how.follow_links); });
  if (!diagnostics.has_errors())
    collecting(diagnostics, [&] { read_manifest(checkpoint, how.follow_links, diagnostics); });
  if (given_as_file && checkpoint.has_config) checkpoint.side_files = {"config.json"};
  if (!given_as_file && !found.names.empty()) {
    checkpoint.side_files = list_side_files(checkpoint.directory, found, how, diagnostics);
  }
  diagnostics.throw_if_errors();
  checkpoint.warnings = diagnostics.all();
  return checkpoint;
}

}  // namespace tenon
