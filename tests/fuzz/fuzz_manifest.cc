// tenon-manifest.json. What is accepted is the same again after it was written and read, and the way back by
// it is a plan or refused.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/checked.h"
#include "checkpoint/config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/natural_order.h"
#include "invariant.h"
#include "plan/build_plan.h"
#include "plan/dump_plan.h"
#include "rules/choose_rules.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr const char* kConfig =
    R"({"model_type": "moe", "hidden_act": "silu", "fusion_config": {"qkv": true}})";

const Library& library() {
  static const Library kLibrary{std::filesystem::path(TENON_SOURCE_ROOT) / "tests/lint/library"};
  return kLibrary;
}

std::optional<Manifest> parsed(std::string_view text) {
  try {
    return parse_manifest(text, "fuzz-manifest.json");
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    for (const Diagnostic& d : error.diagnostics())
      require(d.place.file == "fuzz-manifest.json", "the message names the file");
    return std::nullopt;
  }
}

void require_return(const Manifest& manifest) {
  const std::string text = to_json_text(manifest);
  const auto again = parsed(text);
  require(again.has_value(), "a written manifest is accepted");
  require(to_json_text(*again) == text, "writing again gives the same bytes");
  require(again->source.size() == manifest.source.size() && again->output.size() == manifest.output.size(),
          "tensors come back");
  for (const FileRecord& file : again->side_files.value_or(std::vector<FileRecord>{})) {
    const std::filesystem::path path(file.name);
    require(path.is_relative() && !path.empty() && path.lexically_normal() == path && *path.begin() != "..",
            "side files lie below the folder");
  }
  require(
      again->config_before == manifest.config_before && again->facts.part_sizes == manifest.facts.part_sizes,
      "what the way back needs comes back");
  require(again->transforms == manifest.transforms && again->names.kept == manifest.names.kept &&
              again->names.made == manifest.names.made && again->before == manifest.before,
          "rules and names come back");
  for (const ShardRecord& shard : again->source_layout.shards) {
    require(shard.name.find('/') == std::string::npos && shard.name.ends_with(".safetensors"),
            "the source's files lie in the folder");
  }
}

// The folder that the manifest describes, or nothing where no headers could describe it.
std::optional<Checkpoint> described(const Manifest& manifest) {
  Checkpoint out;
  out.directory = "fuzz";
  out.single_file = true;
  out.has_config = true;
  out.config_text = kConfig;
  out.config = parse_config(kConfig, "config.json");
  out.shards.push_back({"fuzz/model.safetensors", 0, 0, {}});
  std::uint64_t total = 0;
  for (const TensorRecord& record : manifest.output) {
    const auto bytes = byte_size(record.dtype, record.shape);
    const auto end = bytes ? checked_add(total, *bytes) : std::nullopt;
    if (!end || record.shape.size() > 64) return std::nullopt;
    out.tensors.push_back({record.key, record.dtype, record.shape, 0, total, *bytes});
    total = *end;
  }
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  const auto same = [](const Tensor& a, const Tensor& b) { return a.key == b.key; };
  if (std::adjacent_find(out.tensors.begin(), out.tensors.end(), same) != out.tensors.end())
    return std::nullopt;
  out.manifest = manifest;
  return out;
}

// Rules by name only, so that an input reads no files but the library's.
Options options_of_return(const Manifest& manifest) {
  Options request;
  request.to = manifest.layout == Layout::kFused ? Layout::kOriginal : Layout::kFused;
  for (const RuleRecord& record : manifest.rules) {
    const auto& known = record.family ? library().families() : library().models();
    auto& wanted = record.family ? request.fuse : request.rules;
    if (std::any_of(known.begin(), known.end(),
                    [&](const RuleFile& file) { return file.name == record.name; }))
      wanted.push_back(record.name);
  }
  if (request.rules.empty()) request.rules = {"moe"};
  return request;
}

void convert_back(const Checkpoint& checkpoint, const Options& options) {
  try {
    const Plan plan = build_plan(checkpoint, choose_rules(options, checkpoint, library()), options);
    require(!golden_dump(plan, checkpoint).empty(), "a plan can be printed");
    if (plan.config_text) parse_config(*plan.config_text, "edited config.json");
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    require(error.diagnostics().front().place.file != "edited config.json", "an edited config is read again");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = parsed({reinterpret_cast<const char*>(data), size});
  if (!manifest) return 0;
  require_return(*manifest);
  const auto checkpoint = described(*manifest);
  if (!checkpoint) return 0;
  convert_back(*checkpoint, options_of_return(*manifest));
  Options by_manifest;  // by the rules that it keeps
  by_manifest.to = opposite(manifest->layout);
  if (manifest->version > 1) convert_back(*checkpoint, by_manifest);
  return 0;
}
