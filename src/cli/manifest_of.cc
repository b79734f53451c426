#include "cli/manifest_of.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace tenon {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool lies_below(const std::filesystem::path& file, const std::filesystem::path& folder) {
  const auto relative =
      std::filesystem::weakly_canonical(file).lexically_relative(std::filesystem::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

std::vector<RuleRecord> rule_records(const RuleSet& rules, const std::filesystem::path& library) {
  std::vector<RuleRecord> records;
  for (const auto& file : rules.files) {
    RuleRecord record{file.name, file.hash, file.is_family, !file.is_family && holds(rules.chosen, file.name),
                      ""};
    if (!lies_below(file.path, library)) record.path = std::filesystem::absolute(file.path).string();
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<std::string> texts_of(const std::vector<LayoutAssumption>& assumptions) {
  std::vector<std::string> texts;
  for (const auto& [glob, is_fused] : assumptions)
    texts.push_back(fmt::format("{}={}", glob, is_fused ? "fused" : "original"));
  return texts;
}

}  // namespace

Manifest manifest_of(const PlannedConversion& planned, const ConvertRequest& request,
                     const EngineResult& written, const std::vector<FileRecord>& side_files) {
  const auto& [source, library, standard, rules, plan, started] = planned;
  Manifest manifest;
  manifest.tenon_version = TENON_VERSION;
  manifest.layout = plan.to;
  manifest.rules = rule_records(rules, library);
  manifest.used_transforms = plan.used_ids;
  manifest.part_sizes = plan.part_sizes;
  manifest.transposed = plan.transposed;
  manifest.config_edits = plan.config_edits;
  manifest.config_before = plan.config_before;
  manifest.plan_hash = plan.hash;
  manifest.max_shard_size = request.max_shard_size;
  manifest.assume_used = request.plan.options.assume_used;
  manifest.assume_layout = texts_of(request.plan.options.assume_layout);
  manifest.one_way = request.plan.options.one_way;
  if (!standard) manifest.library = std::filesystem::absolute(library).string();
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const Tensor& tensor = source.tensors[i];
    manifest.source.push_back({tensor.key, tensor.dtype, tensor.shape, written.source_hashes[i]});
  }
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlannedTensor& tensor = plan.outputs[i];
    manifest.output.push_back({tensor.key, tensor.view.dtype, tensor.view.shape, written.output_hashes[i]});
  }
  manifest.files = written.shard_hashes;
  manifest.side_files = side_files;
  if (request.hash == HashKind::kNone) {
    for (FileRecord& file : *manifest.side_files) file.hash = {};
  }
  return manifest;
}

JournalHead journal_head_of(const PlannedConversion& planned, const ConvertRequest& request) {
  JournalHead head;
  head.tenon_version = TENON_VERSION;
  head.plan_hash = planned.plan.hash;
  const PlanOptions& options = request.plan.options;
  head.options = {{"--hash", std::string(name_of(request.hash))}, {"--to", std::string(name_of(options.to))}};
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) head.options[flag] = value;
  };
  add("--max-shard-size", request.max_shard_size);
  add("--fuse", fmt::format("{}", fmt::join(request.plan.rules.families, ",")));
  add("--assume-used", fmt::format("{}", fmt::join(options.assume_used, ",")));
  add("--assume-layout", fmt::format("{}", fmt::join(texts_of(options.assume_layout), ",")));
  for (const auto& file : planned.rules.files) head.rules[file.name] = file.hash;
  for (const auto& shard : planned.source.shards) {
    head.source[shard.path.filename().string()] =
        fmt::format("{} bytes, {} ns", shard.size, shard.modified_ns);
  }
  return head;
}

std::string_view name_of(HashKind hash) {
  switch (hash) {
    case HashKind::kNone:
      return "none";
    case HashKind::kXxh3:
      return "xxh3";
    case HashKind::kSha256:
      return "sha256";
  }
  return "";
}

}  // namespace tenon
