#include "tasks/manifest_of.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/record_layout.h"
#include "options/records.h"
#include "rules/resolved_rules.h"

namespace tenon {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<RuleRecord> rule_records(const RuleSet& rules) {
  std::vector<RuleRecord> records;
  for (const auto& file : rules.files) {
    records.push_back(
        {file.name, file.hash, file.is_family, !file.is_family && holds(rules.chosen, file.name), ""});
  }
  return records;
}

// All that is known before a byte is written.
Manifest planned_manifest(const Checkpoint& source, const RuleSet& rules, const Plan& plan,
                          const Options& options) {
  Manifest manifest;
  manifest.tenon_version = TENON_VERSION;
  manifest.layout = plan.to;
  manifest.rules = rule_records(rules);
  manifest.used_transforms = plan.used_ids;
  manifest.facts = plan.facts;
  manifest.names = plan.names;
  manifest.config_edits = plan.config_edits;
  manifest.adapter = plan.adapter;
  if (source.has_config) manifest.config_before = source.config_text;
  manifest.transforms = resolved_transforms(rules, plan.rule_used);
  manifest.drops = resolved_drops(rules);
  manifest.copies = resolved_copies(rules);
  if (rules.part) manifest.part = written(*rules.part);
  manifest.base_model_prefix = rules.base_model_prefix;
  manifest.fused_keys = rules.fused_keys;
  manifest.plan_hash = plan.hash;
  manifest.options = options;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const Tensor& tensor = source.tensors[i];
    if (source.is_of_whole(tensor)) continue;
    manifest.source.push_back(
        {tensor.key, tensor.dtype, tensor.shape, {}, source.is_filled(tensor) ? 0 : tensor.shard});
    if (source.is_filled(tensor)) manifest.filled.push_back(tensor.key);
    if (plan.fates[i].kind == SourceFate::Kind::kDropped && !plan.facts.twins.contains(tensor.key))
      manifest.dropped.emplace(tensor.key, plan.fates[i].reason);
  }
  for (const PlannedTensor& tensor : plan.outputs)
    manifest.output.push_back({tensor.key, tensor.view.dtype, tensor.view.shape, {}, 0});
  return manifest;
}

void add_source(const Checkpoint& source, const EngineResult& written, Manifest& manifest) {
  manifest.source_layout = source_layout(source);
  std::size_t record = 0;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    if (!source.is_of_whole(source.tensors[i])) manifest.source[record++].hash = written.source_hashes[i];
  }
}

}  // namespace

Manifest manifest_of(const PlannedConversion& planned, const Options& options, const EngineResult& written,
                     const std::vector<FileRecord>& side_files) {
  const ThroughLayout* const through = planned.through.get();
  Manifest manifest = through == nullptr
                          ? planned_manifest(planned.source, planned.rules, planned.plan, options)
                          : planned_manifest(through->between, planned.rules, through->second, options);
  if (through == nullptr) {
    add_source(planned.source, written, manifest);
  } else {
    Manifest first = planned_manifest(planned.source, through->rules, through->plan, options);
    add_source(planned.source, written, first);
    manifest.through = nlohmann::ordered_json::parse(to_json_text(first));
    manifest.plan_hash = planned.plan.hash;
  }
  manifest.merged = planned.merged;
  manifest.before = planned.before;
  for (std::size_t i = 0; i < manifest.output.size(); ++i) manifest.output[i].hash = written.output_hashes[i];
  manifest.files = written.shard_hashes;
  manifest.side_files = side_files;
  if (options.hash == HashKind::kNone) {
    for (FileRecord& file : *manifest.side_files) file.hash = {};
  }
  return manifest;
}

std::vector<TensorRecord> source_records(const Manifest& manifest) {
  if (manifest.through.is_null()) return manifest.source;
  return first_half_of(manifest, kManifestName).source;
}

JournalHead journal_head_of(const PlannedConversion& planned, const Options& options) {
  JournalHead head;
  head.tenon_version = TENON_VERSION;
  head.plan_hash = planned.plan.hash;
  head.options = options_for_journal(options);
  for (const auto& file : planned.rules.files) head.rules[file.name] = file.hash;
  if (planned.through) {
    for (const auto& file : planned.through->rules.files) head.rules["from " + file.name] = file.hash;
  }
  for (std::size_t i = 0; i < planned.source.shards.size(); ++i) {
    const ShardFile& shard = planned.source.shards[i];
    const char* const whose = i < planned.source.own_shards() ? "" : "fill-from/";
    head.source[whose + shard.path.filename().string()] =
        fmt::format("{} bytes, {} ns", shard.size, shard.modified_ns);
  }
  return head;
}

}  // namespace tenon
