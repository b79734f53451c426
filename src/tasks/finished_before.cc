#include "tasks/finished_before.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "checkpoint/manifest.h"
#include "output/journal.h"
#include "output/work_folder.h"
#include "tasks/manifest_of.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

bool describes(const std::vector<TensorRecord>& records, const Checkpoint& source) {
  std::vector<Tensor> tensors;
  std::copy_if(source.tensors.begin(), source.tensors.end(), std::back_inserter(tensors),
               [&](const Tensor& tensor) { return !source.is_of_whole(tensor); });
  return std::equal(records.begin(), records.end(), tensors.begin(), tensors.end(),
                    [](const TensorRecord& record, const Tensor& tensor) {
                      return record.key == tensor.key && record.dtype == tensor.dtype &&
                             record.shape == tensor.shape;
                    });
}

// Every hash that is asked for was recorded.
bool has_hashes(const Manifest& manifest, HashKind wanted) {
  return std::all_of(manifest.output.begin(), manifest.output.end(), [&](const TensorRecord& record) {
    return (wanted == HashKind::kNone || !record.hash.xxh3.empty()) &&
           (wanted != HashKind::kSha256 || !record.hash.sha256.empty());
  });
}

bool has_its_files(const Manifest& manifest, const fs::path& folder) {
  if (!manifest.side_files) return false;
  return std::all_of(manifest.side_files->begin(), manifest.side_files->end(), [&](const FileRecord& file) {
    std::error_code error;
    return fs::file_size(folder / file.name, error) == file.bytes && !error;
  });
}

// The output's shards are what the plan would write, by name, header and size.
bool has_planned_shards(const Checkpoint& made, const Plan& plan) {
  const auto is_there = [&](const PlannedShard& shard) {
    return std::any_of(made.shards.begin(), made.shards.end(), [&](const ShardFile& file) {
      return file.path.filename() == shard.name && file.size == shard.size;
    });
  };
  return made.shards.size() == plan.shards.size() &&
         std::all_of(plan.shards.begin(), plan.shards.end(), is_there);
}

bool is_made_by(const Checkpoint& made, const PlannedConversion& planned, const Options& options) {
  if (!made.manifest) return false;
  const Manifest& manifest = *made.manifest;
  return manifest.layout == planned.plan.to && manifest.plan_hash == planned.plan.hash &&
         describes(source_records(manifest), planned.source) && has_hashes(manifest, options.hash) &&
         has_planned_shards(made, planned.plan) && has_its_files(manifest, made.directory);
}

// A shard that was written after the destination was complete.
std::optional<std::string> newer_shard(const Checkpoint& source, const fs::path& manifest) {
  std::error_code error;
  const auto made = fs::last_write_time(manifest, error);
  if (error) return std::nullopt;
  for (const ShardFile& shard : source.shards) {
    const auto written = fs::last_write_time(shard.path, error);
    if (!error && written > made) return shard.path.filename().string();
  }
  return std::nullopt;
}

bool has_begun(const fs::path& destination) {
  const fs::path journal = WorkFolder::path_for(destination) / "journal";
  std::error_code error;
  if (!fs::is_regular_file(journal, error)) return false;
  const auto earlier = read_journal(journal);
  return earlier && !earlier->finished.empty();
}

fs::path folder_of(const Options& options) {
  fs::path destination = fs::absolute(options.destination).lexically_normal();
  return destination.has_filename() ? destination : destination.parent_path();
}

}  // namespace

void tidy_up_finished(const Options& options, Observer& observer) {
  const fs::path destination = folder_of(options);
  std::error_code error;
  if (!fs::exists(WorkFolder::path_for(destination), error)) return;
  Diagnostics notes;
  {
    const WorkFolder left(destination, notes);  // which finishes what was cut short, and removes itself
  }
  observer.note(notes.all());
}

EarlierRun look_for_earlier_run(const PlannedConversion& planned, const Options& options) {
  EarlierRun out;
  const fs::path destination = folder_of(options);
  out.begun = has_begun(destination);
  std::error_code error;
  if (!fs::is_regular_file(destination / kManifestName, error)) return out;
  try {
    const Checkpoint made = open_checkpoint(destination);
    if (!is_made_by(made, planned, options)) return out;
    out.newer_source_file = newer_shard(planned.source, destination / kManifestName);
    out.finished = !out.newer_source_file;
  } catch (const UserError&) {  // no checkpoint, or half of one: what claims the destination will say so
  }
  return out;
}

}  // namespace tenon
