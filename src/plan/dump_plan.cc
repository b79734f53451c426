#include "plan/dump_plan.h"

#include <fmt/format.h>

#include <iterator>

#include "base/content_hash.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(SourceFate::Kind kind) {
  switch (kind) {
    case SourceFate::Kind::kPassed:
      return "passed";
    case SourceFate::Kind::kRenamed:
      return "renamed";
    case SourceFate::Kind::kConverted:
      return "converted";
    case SourceFate::Kind::kDropped:
      return "dropped";
  }
  return "";
}

std::string transform_id(const Plan& plan, int transform) {
  return transform < 0 ? "" : plan.transforms[static_cast<std::size_t>(transform)].id();
}

Json json_of(const Piece& piece, const Checkpoint& source) {
  Json loops = Json::array();
  for (const auto& loop : piece.loops) loops.push_back({loop.extent, loop.source_stride, loop.output_stride});
  return {{"source", source.tensors[piece.source].key},
          {"source_offset", piece.source_offset},
          {"output_offset", piece.output_offset},
          {"loops", std::move(loops)}};
}

Json json_of(const PlannedTensor& output, const Plan& plan, const Checkpoint& source) {
  Json copies = Json::array();
  for (const auto& piece : output.view.pieces) copies.push_back(json_of(piece, source));
  Json out = {{"key", output.key},          {"dtype", tenon::name_of(output.view.dtype)},
              {"shape", output.view.shape}, {"shard", output.shard},
              {"offset", output.offset},    {"bytes", output.bytes}};
  if (output.transform >= 0) out["by"] = transform_id(plan, output.transform);
  out["copies"] = std::move(copies);
  return out;
}

}  // namespace

std::string golden_dump(const Plan& plan, const Checkpoint& source) {
  std::string text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "to {}\n", name_of(plan.to));
  for (const auto& shard : plan.shards) fmt::format_to(out, "shard {} {} bytes\n", shard.name, shard.size);
  for (const auto& output : plan.outputs) {
    fmt::format_to(out, "tensor {} {} {} shard {} offset {}", output.key, name_of(output.view.dtype),
                   to_string(output.view.shape), output.shard, output.offset);
    if (output.transform >= 0) fmt::format_to(out, " by {}", transform_id(plan, output.transform));
    text += '\n';
    for (const auto& piece : output.view.pieces) {
      fmt::format_to(out, "  {} +{} -> +{}", source.tensors[piece.source].key, piece.source_offset,
                     piece.output_offset);
      for (const auto& loop : piece.loops)
        fmt::format_to(out, " {}x({},{})", loop.extent, loop.source_stride, loop.output_stride);
      text += '\n';
    }
  }
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    if (plan.fates[i].kind == SourceFate::Kind::kDropped) {
      fmt::format_to(out, "drop {}: {}\n", source.tensors[i].key, plan.fates[i].reason);
    }
  }
  for (const auto& edit : plan.config_edits) {
    fmt::format_to(out, "config {}: {} -> {}\n", edit.path, edit.before ? edit.before->dump() : "absent",
                   edit.after ? edit.after->dump() : "absent");
  }
  return text;
}

std::string plan_hash(const Plan& plan, const Checkpoint& source) {
  return content_hash(golden_dump(plan, source));
}

Json plan_json(const Plan& plan, const Checkpoint& source) {
  Json out = {{"to", name_of(plan.to)}, {"hash", plan.hash}};
  for (auto* const key : {"transforms", "shards", "outputs", "sources", "config_edits", "notes"})
    out[key] = Json::array();
  for (std::size_t i = 0; i < plan.transforms.size(); ++i) {
    out["transforms"].push_back({{"id", plan.transforms[i].id()},
                                 {"what", describe(plan.transforms[i])},
                                 {"used", static_cast<bool>(plan.transform_used[i])}});
  }
  for (const auto& shard : plan.shards) {
    out["shards"].push_back(
        {{"name", shard.name}, {"bytes", shard.size}, {"header_bytes", shard.header.size()}});
  }
  for (const auto& output : plan.outputs) out["outputs"].push_back(json_of(output, plan, source));
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    const SourceFate& fate = plan.fates[i];
    Json entry = {{"key", source.tensors[i].key}, {"fate", name_of(fate.kind)}};
    if (!fate.output.empty()) entry["output"] = fate.output;
    if (fate.transform >= 0) entry["by"] = transform_id(plan, fate.transform);
    if (!fate.reason.empty()) entry["reason"] = fate.reason;
    out["sources"].push_back(std::move(entry));
  }
  for (const auto& edit : plan.config_edits) {
    out["config_edits"].push_back({{"path", edit.path},
                                   {"before", edit.before.value_or(nullptr)},
                                   {"after", edit.after.value_or(nullptr)}});
  }
  for (const auto& n : plan.notes) out["notes"].push_back(n.message);
  return out;
}

}  // namespace tenon
