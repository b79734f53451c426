#include "tasks/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "adapters/adapter.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/headers_file.h"
#include "checkpoint/index.h"
#include "engine/conditions.h"
#include "engine/hash_tensors.h"
#include "engine/side_files.h"
#include "engine/verify_written.h"
#include "engine/written_files.h"
#include "options/records.h"
#include "tasks/convert.h"
#include "tasks/manifest_of.h"
#include "tasks/request_again.h"

namespace tenon {
namespace {

// Names, dtypes and shapes of a checkpoint against what the manifest recorded of it.
void check_headers(const Checkpoint& checkpoint, const std::vector<TensorRecord>& records,
                   std::vector<VerifyFinding>& findings) {
  std::map<std::string_view, const TensorRecord*> expected;
  for (const auto& record : records) expected.emplace(record.key, &record);
  for (const auto& tensor : checkpoint.tensors) {
    if (checkpoint.is_of_whole(tensor)) continue;  // that is no source of the manifest's
    const auto found = expected.find(tensor.key);
    if (found == expected.end()) {
      findings.push_back(
          {tensor.key, fmt::format("is not in the manifest, but in {}", checkpoint.directory.string())});
      continue;
    }
    const TensorRecord& record = *found->second;
    if (record.dtype != tensor.dtype || record.shape != tensor.shape) {
      findings.push_back(
          {tensor.key, fmt::format("is {}; the manifest says {}", header_of(tensor.dtype, tensor.shape),
                                   header_of(record.dtype, record.shape))});
    }
    expected.erase(found);
  }
  for (const auto& record : records) {
    if (expected.contains(record.key)) {
      findings.push_back({record.key, fmt::format("is missing in {}", checkpoint.directory.string())});
    }
  }
}

HashKind kind_of(const Manifest& manifest) {
  const auto has = [&](std::string TensorHash::*hash) {
    return std::any_of(manifest.output.begin(), manifest.output.end(),
                       [&](const TensorRecord& record) { return !(record.hash.*hash).empty(); });
  };
  if (has(&TensorHash::sha256) || !manifest.files.empty()) return HashKind::kSha256;
  return has(&TensorHash::xxh3) ? HashKind::kXxh3 : HashKind::kNone;
}

void compare(const std::string& key, const std::string& found, const std::string& recorded,
             std::vector<VerifyFinding>& findings) {
  if (recorded.empty() || recorded == found) return;
  findings.push_back({key, fmt::format("its bytes have changed: {}; the manifest says {}", found, recorded)});
}

void check_tensors(const Checkpoint& checkpoint, const Manifest& manifest, const EngineOptions& options,
                   VerifyReport& report, Observer& observer) {
  const auto hashes = hash_tensors(checkpoint, options, observer);
  std::map<std::string_view, const TensorHash*> expected;
  for (const auto& record : manifest.output) expected.emplace(record.key, &record.hash);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::string& key = checkpoint.tensors[i].key;
    const auto found = expected.find(key);
    if (found == expected.end()) continue;
    const std::size_t before = report.findings.size();
    compare(key, hashes[i].xxh3, found->second->xxh3, report.findings);
    if (report.findings.size() == before)
      compare(key, hashes[i].sha256, found->second->sha256, report.findings);
  }
}

// Headers are in the shards' hashes alone.
void check_shards(const Checkpoint& checkpoint, const Manifest& manifest, const EngineOptions& options,
                  VerifyReport& report, Observer& observer) {
  std::map<std::string, std::string> recorded = manifest.files;
  const auto hashes = hash_files(checkpoint.shards, options, observer);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::string name = checkpoint.shards[i].path.filename().string();
    compare(name, hashes[i], recorded[name], report.findings);
    recorded.erase(name);
  }
  for (const auto& [name, hash] : recorded)
    report.findings.push_back({name, fmt::format("is missing in {}", checkpoint.directory.string())});
}

void check_hashes(const Checkpoint& checkpoint, const Manifest& manifest, int threads, VerifyReport& report,
                  Observer& observer) {
  EngineOptions options;
  options.threads = threads;
  options.hash = kind_of(manifest);
  report.hashed = options.hash != HashKind::kNone;
  report.sha256 = options.hash == HashKind::kSha256;
  if (!report.hashed) return;
  report.bytes += checkpoint.total_bytes();
  for (const auto& shard : checkpoint.shards) report.bytes_from_memory += forget_cached(shard);
  options.stage = "hashing";
  check_tensors(checkpoint, manifest, options, report, observer);
  if (manifest.files.empty()) return;
  options.stage = "hashing shards";
  check_shards(checkpoint, manifest, options, report, observer);
}

// Weights beside the checkpoint's: some readers take every file of that name.
void check_strays(const Checkpoint& checkpoint, std::vector<VerifyFinding>& findings) {
  std::set<std::string> known;
  for (const auto& shard : checkpoint.shards) known.insert(shard.path.filename().string());
  std::set<std::string> strays;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoint.directory)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".safetensors" && !known.contains(name)) strays.insert(name);
  }
  for (const std::string& name : strays) findings.push_back({name, "is no shard of this checkpoint"});
}

// What lies beside the shards, index and config.json included.
void check_side_files(const Checkpoint& checkpoint, const Manifest& manifest, bool follow_links,
                      VerifyReport& report, Observer& observer) {
  check_strays(checkpoint, report.findings);
  if (!manifest.side_files) {
    observer.note("verify-older-manifest"_id,
                  fmt::format("{} is of an older tenon and records no side files: they are not checked",
                              kManifestName));
    return;
  }
  report.side_files = manifest.side_files->size();
  for (auto& [name, what] :
       changed_side_files(*manifest.side_files, checkpoint.directory, observer, follow_links))
    report.findings.push_back({name, std::move(what)});
}

// What was copied is what the source has.
void check_copies(const PlannedConversion& planned, const Manifest& manifest, bool follow_links,
                  VerifyReport& report, const Observer& observer) {
  if (!manifest.side_files) return;
  std::vector<FileRecord> copied = *manifest.side_files;
  std::erase_if(copied, [&](const FileRecord& file) {
    return file.name.ends_with(".safetensors.index.json") ||
           (file.name == "config.json" && planned.plan.config_text) ||
           (file.name == kAdapterConfigName && planned.plan.adapter_config_text);
  });
  for (auto& [name, what] : changed_side_files(copied, planned.source.directory, observer, follow_links))
    report.findings.push_back({(planned.source.directory / name).string(), std::move(what)});
}

void check_against(const Options& options, const Manifest& manifest, VerifyReport& report,
                   Observer& observer) {
  const Library library = library_of(options, manifest.library);
  // Its warnings were told when the folder was made.
  const auto planned = plan_conversion(options.against, options_again(manifest, options), library, nobody(),
                                       manifest_again(manifest, options));
  require_tensors(planned.source);
  check_headers(planned.source, source_records(manifest), report.findings);
  if (!options.tensors_only)
    check_copies(planned, manifest, open_options(options).follow_links, report, observer);
  if (planned.plan.hash != manifest.plan_hash) {
    observer.note(
        "verify-plan-changed"_id,
        "rules, options or tenon itself have changed since: the folder is compared with what would be "
        "written today");
  }
  EngineOptions engine;
  engine.threads = options.threads;
  engine.stage = "comparing";
  report.bytes += planned.source.total_bytes();
  try {
    check_conditions(planned.plan, planned.source, observer);
  } catch (const UserError& error) {
    for (const auto& d : error.diagnostics()) report.findings.push_back({d.place.inside, d.message});
  }
  const auto check = verify_written(planned.plan, planned.source, options.folder, engine, observer);
  for (const auto& difference : check.differences) {
    report.findings.push_back(
        {difference.output_key.empty() ? difference.shard : difference.output_key, to_string(difference)});
  }
}

}  // namespace

VerifyReport verify(const Options& options, Observer& observer) {
  OpenOptions how = open_options(options);
  how.all_side_files = true;  // what is there is looked at by the manifest's names
  const Checkpoint checkpoint = open_checkpoint(options.folder, how);
  observer.note(checkpoint.warnings);
  if (!checkpoint.manifest) {
    throw UserError("verify-no-manifest"_id, {options.folder, 0, 0, {}, "", ""},
                    fmt::format("there is no {} to verify it by", kManifestName),
                    "`tenon convert` writes one; `tenon diff A B` compares any two checkpoints.");
  }
  const Manifest& manifest = *checkpoint.manifest;
  if (manifest.options.one_way)
    observer.note("plan-one-way"_id, "this folder was made one-way: the way back need not give its source");
  VerifyReport report;
  report.directory = options.folder;
  report.against = options.against;
  report.tensors = checkpoint.tensors.size();
  check_headers(checkpoint, manifest.output, report.findings);
  check_hashes(checkpoint, manifest, options.threads, report, observer);
  const std::size_t before = report.findings.size();
  if (!options.tensors_only) check_side_files(checkpoint, manifest, how.follow_links, report, observer);
  const std::size_t beside = report.findings.size() - before;
  if (!options.against.empty()) check_against(options, manifest, report, observer);
  report.only_beside = beside > 0 && beside == report.findings.size();
  return report;
}

}  // namespace tenon
