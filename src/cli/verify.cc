#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "checkpoint/checkpoint.h"
#include "checkpoint/index.h"
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "cli/progress.h"
#include "engine/hash_tensors.h"
#include "engine/side_files.h"
#include "engine/verify_written.h"
#include "engine/written_files.h"
#include "report/verify_report.h"

namespace tenon {
namespace {

struct VerifyFlags {
  std::string directory;
  std::string against;
  std::string library;
  ConvertOptions conversion;
  bool tensors_only = false;
  bool json = false;
};

std::string header_of(DType dtype, const Shape& shape) {
  return fmt::format("{} {}", name_of(dtype), to_string(shape));
}

// Names, dtypes and shapes of a checkpoint against what the manifest recorded of it.
void check_headers(const Checkpoint& checkpoint, const std::vector<TensorRecord>& records,
                   std::vector<VerifyFinding>& findings) {
  std::map<std::string_view, const TensorRecord*> expected;
  for (const auto& record : records) expected.emplace(record.key, &record);
  for (const auto& tensor : checkpoint.tensors) {
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
                   VerifyReport& report) {
  const auto hashes = hash_tensors(checkpoint, options);
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
                  VerifyReport& report) {
  std::map<std::string, std::string> recorded = manifest.files;
  const auto hashes = hash_files(checkpoint.shards, options);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::string name = checkpoint.shards[i].path.filename().string();
    compare(name, hashes[i], recorded[name], report.findings);
    recorded.erase(name);
  }
  for (const auto& [name, hash] : recorded)
    report.findings.push_back({name, fmt::format("is missing in {}", checkpoint.directory.string())});
}

void check_hashes(const Checkpoint& checkpoint, const Manifest& manifest, int threads, VerifyReport& report,
                  const Console& console) {
  EngineOptions options;
  options.threads = threads;
  options.hash = kind_of(manifest);
  report.hashed = options.hash != HashKind::kNone;
  report.sha256 = options.hash == HashKind::kSha256;
  if (!report.hashed) return;
  report.bytes += checkpoint.total_bytes();
  for (const auto& shard : checkpoint.shards) report.bytes_from_memory += forget_cached(shard);
  {
    ProgressBar bar(console, "hashing", checkpoint.total_bytes() * (report.sha256 ? 2 : 1));
    options.progress = [&](std::uint64_t done) { bar.update(done); };
    check_tensors(checkpoint, manifest, options, report);
  }
  if (manifest.files.empty()) return;
  ProgressBar bar(console, "hashing shards", checkpoint.total_bytes());
  options.progress = [&](std::uint64_t done) { bar.update(done); };
  check_shards(checkpoint, manifest, options, report);
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
void check_side_files(const Checkpoint& checkpoint, const Manifest& manifest, VerifyReport& report,
                      Console& console) {
  check_strays(checkpoint, report.findings);
  if (!manifest.side_files) {
    console.message(fmt::format(
        "note: {} is of an older tenon and records no side files: they are not checked", kManifestName));
    return;
  }
  report.side_files = manifest.side_files->size();
  for (auto& [name, what] : changed_side_files(*manifest.side_files, checkpoint.directory, {}))
    report.findings.push_back({name, std::move(what)});
}

// What was copied is what the source has.
void check_copies(const PlannedConversion& planned, const Manifest& manifest, VerifyReport& report) {
  if (!manifest.side_files) return;
  std::vector<FileRecord> copied = *manifest.side_files;
  std::erase_if(copied, [&](const FileRecord& file) {
    return file.name == kIndexName || (file.name == "config.json" && planned.plan.config_text);
  });
  for (auto& [name, what] : changed_side_files(copied, planned.source.directory, {}))
    report.findings.push_back({(planned.source.directory / name).string(), std::move(what)});
}

// The conversion that the manifest records, planned again from the source.
PlanRequest request_again(const Manifest& manifest, const ConvertOptions& flags) {
  ConvertOptions options = flags;
  options.to = name_of(manifest.layout);
  options.max_shard_size = manifest.max_shard_size;
  options.one_way = true;
  if (flags.assume_used.empty()) options.assume_used = manifest.assume_used;
  if (flags.assume_layout.empty()) options.assume_layout = manifest.assume_layout;
  for (const auto& record : manifest.rules) {
    if (record.chosen && flags.rules.empty())
      options.rules.push_back(record.path.empty() ? record.name : record.path);
    if (record.family && flags.fuse.empty())
      options.fuse.push_back(record.path.empty() ? record.name : record.path);
  }
  return meaning_of(options).plan;
}

void check_against(const VerifyFlags& flags, const Manifest& manifest, VerifyReport& report,
                   Console& console) {
  const Library library = library_at(flags.library.empty() ? manifest.library : flags.library);
  const auto planned = plan_conversion(flags.against, request_again(manifest, flags.conversion), library);
  check_headers(planned.source, manifest.source, report.findings);
  if (!flags.tensors_only) check_copies(planned, manifest, report);
  if (planned.plan.hash != manifest.plan_hash) {
    console.message(
        "note: rules, options or tenon itself have changed since: the folder is compared with what would be "
        "written today");
  }
  ProgressBar bar(console, "comparing", planned.source.total_bytes());
  EngineOptions options;
  options.threads = flags.conversion.threads;
  options.progress = [&](std::uint64_t done) { bar.update(done); };
  report.bytes += planned.source.total_bytes();
  const auto check = verify_written(planned.plan, planned.source, flags.directory, options);
  for (const auto& difference : check.differences) {
    report.findings.push_back(
        {difference.output_key.empty() ? difference.shard : difference.output_key, to_string(difference)});
  }
}

Verdict verify(const VerifyFlags& flags, Console& console) {
  const Checkpoint checkpoint = open_checkpoint(flags.directory);
  console.report(checkpoint.warnings);
  if (!checkpoint.manifest) {
    throw UserError({flags.directory, 0, 0, {}, "", ""},
                    fmt::format("there is no {} to verify it by", kManifestName),
                    "`tenon convert` writes one; `tenon diff A B` compares any two checkpoints.");
  }
  const Manifest& manifest = *checkpoint.manifest;
  VerifyReport report;
  report.directory = flags.directory;
  report.against = flags.against;
  report.tensors = checkpoint.tensors.size();
  check_headers(checkpoint, manifest.output, report.findings);
  check_hashes(checkpoint, manifest, flags.conversion.threads, report, console);
  const std::size_t before = report.findings.size();
  if (!flags.tensors_only) check_side_files(checkpoint, manifest, report, console);
  const std::size_t beside = report.findings.size() - before;
  if (!flags.against.empty()) check_against(flags, manifest, report, console);
  if (flags.json) {
    console.json_result(verify_json(report));
  } else {
    console.result(verify_text(report));
  }
  if (beside > 0 && beside == report.findings.size()) {
    console.message("note: every tensor is as it was; --tensors-only leaves out the files beside the shards");
  }
  return report.findings.empty() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command verify_command() {
  return {"verify", "Check a converted folder against its manifest and its source, later",
          R"(Examples:
  tenon verify Mixtral-fused                             every tensor and side file against the manifest
  tenon verify Mixtral-fused --tensors-only              where config.json or others were edited since
  tenon verify Mixtral-fused --against Mixtral-8x7B      and every element against the source
  tenon verify back --against Mixtral-fused              the other way round is the same
  tenon verify Mixtral-fused --json | jq -r '.findings[].key')",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<VerifyFlags>();
            app.add_option("DIR", flags->directory, "A folder that tenon made")->required()->option_text(" ");
            app.add_option("--against", flags->against, "The checkpoint that it was made from")
                ->option_text("SRC");
            add_rule_flags(app, flags->conversion);
            add_library_flag(app, flags->library);
            add_threads_flag(app, flags->conversion.threads);
            app.add_flag("--tensors-only", flags->tensors_only,
                         "Leave out the files beside the shards: config, tokenizer, index, code");
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return verify(*flags, console); };
          }};
}

}  // namespace tenon
