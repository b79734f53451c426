#include "tasks/write_index.h"

#include <cerrno>
#include <filesystem>
#include <map>

#include "checkpoint/checkpoint.h"
#include "checkpoint/file.h"
#include "checkpoint/index.h"
#include "checkpoint/shard_names.h"

namespace tenon {

namespace fs = std::filesystem;

IndexReport write_index(const Options& options, Observer& observer) {
  OpenOptions how = open_options(options);
  how.ignore_index = true;
  const Checkpoint checkpoint = open_checkpoint(options.folder, how);
  for (const Diagnostic& warning : checkpoint.warnings) {
    if (!(warning.id == "side-file-training")) observer.note(warning);
  }
  if (checkpoint.shards.size() == 1) {
    throw UserError("index-not-needed"_id, place_of(checkpoint.shards.front().path),
                    "is the only shard: a checkpoint of one file has no index");
  }
  const auto first = parse_shard_name(checkpoint.shards.front().path.filename().string());
  const fs::path path =
      checkpoint.directory / ((first ? first->stem : std::string("model")) + ".safetensors.index.json");
  if (fs::exists(path) && !options.overwrite)
    throw UserError("index-exists"_id, place_of(path), "is there already", "--overwrite replaces it.");

  IndexReport report{path.string(), checkpoint.shards.size(), checkpoint.tensors.size(),
                     checkpoint.total_bytes()};
  std::map<std::string, std::string> weight_map;
  std::uint64_t parameters = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    weight_map.emplace(tensor.key, checkpoint.shards[tensor.shard].path.filename().string());
    parameters += element_count(tensor.shape).value_or(0);
  }
  // A reader finds the old one, or the new one.
  const fs::path fresh = path.string() + ".new";
  write_text_file(fresh, index_text(weight_map, report.bytes, parameters), true);
  if (rename_path(fresh, path) != 0) throw SystemError("rename", fresh.string(), errno);
  sync_folder(checkpoint.directory);
  return report;
}

}  // namespace tenon
