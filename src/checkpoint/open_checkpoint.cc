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
#include "checkpoint/natural_order.h"
#include "checkpoint/side_files.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxManifestBytes = 512'000'000;

// Runs a step; what is wrong with its input is kept, and the next step goes on.
template <typename Step>
void collecting(Diagnostics& diagnostics, Step step) {
  try {
    step();
  } catch (const UserError& error) {
    for (const Diagnostic& d : error.diagnostics()) diagnostics.add(d);
  }
}

void refuse_other_files(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".safetensors")) return;
  throw UserError(
      place_of(path), "is not a .safetensors file",
      name.ends_with(".json") ? "Give the folder that holds it." : "Only safetensors checkpoints are read.");
}

// The checkpoint's folder and shards, by what the user gave.
FoundShards locate(const fs::path& path, Checkpoint& checkpoint, Diagnostics& diagnostics) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    throw UserError(place_of(path), "there is no such file or folder");
  if (error) throw SystemError("examine", path.string(), error.value());
  if (status.type() == fs::file_type::directory) {
    checkpoint.directory = path.has_filename() ? path : path.parent_path();
    return find_shards(checkpoint.directory, diagnostics);
  }
  refuse_other_files(path);
  checkpoint.directory = path.has_parent_path() ? path.parent_path() : ".";
  if (fs::exists(checkpoint.directory / kIndexName, error)) {
    diagnostics.warning(place_of(path),
                        fmt::format("only this file is read, though {} lies beside it", kIndexName),
                        "Give the folder to read all of its shards.");
  }
  FoundShards found;
  found.names = {path.filename().string()};
  return found;
}

void open_shard(const std::string& name, bool listed, Checkpoint& checkpoint, Diagnostics& diagnostics) {
  const fs::path path = checkpoint.directory / name;
  std::error_code error;
  if (listed && fs::symlink_status(path, error).type() == fs::file_type::not_found) {
    throw UserError(place_of(path), "the index lists this shard, but it is not there",
                    "Fetch it from where the checkpoint came from.");
  }
  if (listed && !stays_inside(checkpoint.directory, path)) {
    throw UserError(place_of(path), "is a link that leaves the folder, or leads to nothing",
                    "Put the file itself there.");
  }
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

void open_shards(const FoundShards& found, bool given_as_file, Checkpoint& checkpoint,
                 Diagnostics& diagnostics) {
  for (const std::string& name : found.names) {
    collecting(diagnostics, [&] { open_shard(name, !given_as_file, checkpoint, diagnostics); });
  }
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  const bool all_open = checkpoint.shards.size() == found.names.size();
  if (found.index && all_open) {
    check_index(*found.index, checkpoint.tensors, (checkpoint.directory / found.index_name).string(),
                diagnostics);
  }
}

// A file beside the shards, or nothing where there is none.
std::optional<std::string> read_beside(const Checkpoint& checkpoint, const char* name, std::uint64_t limit) {
  const fs::path path = checkpoint.directory / name;
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) return std::nullopt;
  if (!stays_inside(checkpoint.directory, path)) {
    throw UserError(place_of(path), "is a link that leaves the folder, or leads to nothing",
                    "Put the file itself there.");
  }
  return read_text_file(path, limit);
}

void read_config(Checkpoint& checkpoint) {
  auto text = read_beside(checkpoint, "config.json", kMaxConfigBytes);
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

void read_manifest(Checkpoint& checkpoint, Diagnostics& diagnostics) {
  const auto text = read_beside(checkpoint, kManifestName, kMaxManifestBytes);
  if (!text) return;
  const fs::path path = checkpoint.directory / kManifestName;
  Manifest manifest = parse_manifest(*text, path.string());
  if (describes(manifest.output, checkpoint.tensors)) {
    checkpoint.manifest = std::move(manifest);
  } else {
    diagnostics.warning(place_of(path), "describes other tensors than the checkpoint holds, and is not used");
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

Checkpoint open_checkpoint(const fs::path& path) {
  Checkpoint checkpoint;
  checkpoint.path = path;
  Diagnostics diagnostics;
  FoundShards found;
  collecting(diagnostics, [&] { found = locate(path, checkpoint, diagnostics); });
  if (checkpoint.directory.empty()) diagnostics.throw_if_errors();
  const bool given_as_file = !fs::is_directory(path);
  checkpoint.single_file = !found.index;

  open_shards(found, given_as_file, checkpoint, diagnostics);
  collecting(diagnostics, [&] { read_config(checkpoint); });
  if (!diagnostics.has_errors()) collecting(diagnostics, [&] { read_manifest(checkpoint, diagnostics); });
  if (given_as_file && checkpoint.has_config) checkpoint.side_files = {"config.json"};
  if (!given_as_file && !found.names.empty()) {
    checkpoint.side_files = list_side_files(checkpoint.directory, found, diagnostics);
  }
  diagnostics.throw_if_errors();
  checkpoint.warnings = diagnostics.all();
  return checkpoint;
}

}  // namespace tenon
