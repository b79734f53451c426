#include "plan/dump_plan.h"

#include <fmt/format.h>

#include <iterator>

#include "base/content_hash.h"
#include "base/fields.h"
#include "plan/dump_pieces.h"

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

// Parts of a plan, and what they point into.
struct PlanDocument {
  const Plan& plan;
  const Checkpoint& source;
};

struct PlannedTransform {
  const Transform& transform;
  bool used;
};

struct PlanOutput {
  const PlannedTensor& tensor;
  const PlanDocument& in;
};

struct PlanCopy {
  const Piece& piece;
  const PlanDocument& in;
};

struct PlanOperand {
  const Operand& operand;
  const PlanDocument& in;
};

struct PlanFate {
  const std::string& key;
  const SourceFate& fate;
  const Plan& plan;
};

std::optional<std::string> by_of(const Plan& plan, int transform) {
  return transform < 0 ? std::nullopt : std::optional(transform_id(plan, transform));
}

template <typename T>
std::optional<T> unless_zero(const Piece& piece, const T& value) {
  return is_zero(piece) ? std::nullopt : std::optional(value);
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

template <>
struct FieldsOf<PlannedTransform> {
  static std::vector<Field<PlannedTransform>> fields() {
    return {
        field<PlannedTransform>(
            "id", [](const PlannedTransform& i) { return i.transform.id(); }, "Rule file and number"),
        field<PlannedTransform>(
            "what", [](const PlannedTransform& i) { return describe(i.transform); }, "In words"),
        field<PlannedTransform>("used", &PlannedTransform::used, "It matched something"),
    };
  }
};

template <>
struct FieldsOf<PlannedShard> {
  static std::vector<Field<PlannedShard>> fields() {
    return {
        field<PlannedShard>("name", &PlannedShard::name, "Of the file"),
        field<PlannedShard>("bytes", &PlannedShard::size, "Of the whole file"),
        field<PlannedShard>(
            "header_bytes", [](const PlannedShard& i) { return i.header.size(); },
            "Of its header, with the eight bytes of its length"),
    };
  }
};

template <>
struct FieldsOf<PlanOperand> {
  static std::vector<Field<PlanOperand>> fields() {
    return {
        field<PlanOperand>(
            "source",
            [](const PlanOperand& i) {
              return i.operand.source == kNoSource ? std::string()
                                                   : i.in.source.tensors[i.operand.source].key;
            },
            "The tensor that is read"),
        field<PlanOperand>(
            "offset", [](const PlanOperand& i) { return i.operand.offset; }, "Its first bit"),
        field<PlanOperand>(
            "strides", [](const PlanOperand& i) { return i.operand.strides; },
            "Bits for a step of each loop"),
    };
  }
};

template <>
struct FieldsOf<PlanCopy> {
  static std::vector<Field<PlanCopy>> fields() {
    return {
        field<PlanCopy>(
            "zeros", [](const PlanCopy& i) { return is_zero(i.piece) ? std::optional(true) : std::nullopt; },
            "Where it is there, no tensor is read: the elements are zero"),
        field<PlanCopy>(
            "source",
            [](const PlanCopy& i) {
              return i.piece.source == kNoSource ? std::nullopt
                                                 : std::optional(i.in.source.tensors[i.piece.source].key);
            },
            "The tensor that is read"),
        field<PlanCopy>(
            "recipe",
            [](const PlanCopy& i) {
              return is_computed(i.piece) ? std::optional(to_string(i.in.plan.recipes.at(i.piece.recipe - 1)))
                                          : std::nullopt;
            },
            "Where it is there, elements are computed: inputs, steps and the result. Offsets and strides of "
            "sources then count bits"),
        field<PlanCopy>(
            "more",
            [](const PlanCopy& i) {
              std::optional<std::vector<PlanOperand>> operands;
              for (const auto& operand : i.piece.more) {
                if (!operands) operands.emplace();
                operands->push_back({operand, i.in});
              }
              return operands;
            },
            "The recipe's further inputs"),
        field<PlanCopy>(
            "source_offset", [](const PlanCopy& i) { return unless_zero(i.piece, i.piece.source_offset); },
            "Its first element, counted in row-major order"),
        field<PlanCopy>(
            "output_offset", [](const PlanCopy& i) { return i.piece.output_offset; }, "Where that goes"),
        field<PlanCopy>(
            "loops",
            [](const PlanCopy& i) {
              std::vector<std::vector<std::int64_t>> loops;
              for (const auto& loop : i.piece.loops) {
                loops.push_back({loop.extent, loop.source_stride, loop.output_stride});
                if (is_zero(i.piece)) loops.back().erase(loops.back().begin() + 1);
              }
              return loops;
            },
            "Loops around it, outermost first: [extent, stride in the source, stride in the output], in "
            "elements; of zeros without the second"),
    };
  }
};

template <>
struct FieldsOf<PlanOutput> {
  static std::vector<Field<PlanOutput>> fields() {
    return {
        field<PlanOutput>(
            "key", [](const PlanOutput& i) { return i.tensor.key; }, "Its name"),
        field<PlanOutput>(
            "dtype", [](const PlanOutput& i) { return i.tensor.view.dtype; }, "As safetensors names it"),
        field<PlanOutput>(
            "shape", [](const PlanOutput& i) { return i.tensor.view.shape; }, "Extents, outermost first"),
        field<PlanOutput>(
            "shard", [](const PlanOutput& i) { return i.tensor.shard; }, "Which of the shards, from 0"),
        field<PlanOutput>(
            "offset", [](const PlanOutput& i) { return i.tensor.offset; }, "Of its first byte in that file"),
        field<PlanOutput>(
            "bytes", [](const PlanOutput& i) { return i.tensor.bytes; }, "Its size"),
        field<PlanOutput>(
            "by", [](const PlanOutput& i) { return by_of(i.in.plan, i.tensor.transform); },
            "The transform that made it; absent: it is copied or renamed"),
        field<PlanOutput>(
            "copies",
            [](const PlanOutput& i) {
              std::vector<PlanCopy> copies;
              for (const auto& piece : i.tensor.view.pieces) copies.push_back({piece, i.in});
              return copies;
            },
            "What it is made of"),
    };
  }
};

template <>
struct FieldsOf<PlanFate> {
  static std::vector<Field<PlanFate>> fields() {
    return {
        field<PlanFate>(
            "key", [](const PlanFate& i) { return i.key; }, "A tensor of the source"),
        field<PlanFate>(
            "fate", [](const PlanFate& i) { return std::string(name_of(i.fate.kind)); },
            "passed, renamed, converted or dropped"),
        field<PlanFate>(
            "output", [](const PlanFate& i) { return unless_empty(i.fate.output); },
            "The tensor that it goes into"),
        field<PlanFate>(
            "by", [](const PlanFate& i) { return by_of(i.plan, i.fate.transform); },
            "The transform that took it"),
        field<PlanFate>(
            "reason", [](const PlanFate& i) { return unless_empty(i.fate.reason); }, "Why it is dropped"),
    };
  }
};

template <>
struct FieldsOf<ConfigEdit> {
  static std::vector<Field<ConfigEdit>> fields() {
    return {
        field<ConfigEdit>("path", &ConfigEdit::path, "Dotted"),
        field<ConfigEdit>(
            "before", [](const ConfigEdit& i) { return OrNull<Json>{i.before}; }, "null: it was not there"),
        field<ConfigEdit>(
            "after", [](const ConfigEdit& i) { return OrNull<Json>{i.after}; }, "null: it is removed"),
    };
  }
};

template <>
struct FieldsOf<PlanDocument> {
  static std::vector<Field<PlanDocument>> fields() {
    return {
        field<PlanDocument>(
            "to", [](const PlanDocument& i) { return name_of(i.plan.to); }, "original or fused"),
        field<PlanDocument>(
            "hash", [](const PlanDocument& i) { return i.plan.hash; },
            "Of the plan in its stable form, --golden"),
        field<PlanDocument>(
            "transforms",
            [](const PlanDocument& i) {
              std::vector<PlannedTransform> all;
              for (std::size_t t = 0; t < i.plan.transforms.size(); ++t)
                all.push_back({i.plan.transforms[t], static_cast<bool>(i.plan.transform_used[t])});
              return all;
            },
            "All that the rules have, in order"),
        field<PlanDocument>(
            "shards", [](const PlanDocument& i) -> const auto& { return i.plan.shards; },
            "Files that would be written"),
        field<PlanDocument>(
            "outputs",
            [](const PlanDocument& i) {
              std::vector<PlanOutput> all;
              for (const auto& tensor : i.plan.outputs) all.push_back({tensor, i});
              return all;
            },
            "Tensors that would be written, in natural order"),
        field<PlanDocument>(
            "sources",
            [](const PlanDocument& i) {
              std::vector<PlanFate> all;
              for (std::size_t f = 0; f < i.plan.fates.size(); ++f)
                all.push_back({i.source.tensors[f].key, i.plan.fates[f], i.plan});
              return all;
            },
            "What becomes of each tensor of the source"),
        field<PlanDocument>(
            "config_edits", [](const PlanDocument& i) -> const auto& { return i.plan.config_edits; },
            "Changes to config.json"),
        field<PlanDocument>(
            "adapter_config_edits",
            [](const PlanDocument& i) {
              return i.plan.adapter ? std::optional(i.plan.adapter->edits) : std::nullopt;
            },
            "Of an adapter: changes to adapter_config.json"),
        field<PlanDocument>(
            "within",
            [](const PlanDocument& i) {
              return i.plan.within.empty() ? std::nullopt : std::optional(i.plan.within);
            },
            "With --within: how far numbers come back from themselves, to how many weights"),
        field<PlanDocument>(
            "notes",
            [](const PlanDocument& i) {
              std::vector<std::string> notes;
              for (const auto& note : i.plan.notes) notes.push_back(note.message);
              return notes;
            },
            "What the planner had to say"),
    };
  }
};

std::string golden_dump(const Plan& plan, const Checkpoint& source) {
  std::string text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "to {}\n", name_of(plan.to));
  for (const auto& shard : plan.shards) fmt::format_to(out, "shard {} {} bytes\n", shard.name, shard.size);
  for (std::size_t i = 0; i < plan.recipes.size(); ++i)
    fmt::format_to(out, "recipe {}: {}\n", i + 1, to_string(plan.recipes[i]));
  for (const auto& output : plan.outputs) {
    fmt::format_to(out, "tensor {} {} {} shard {} offset {}", output.key, name_of(output.view.dtype),
                   to_string(output.view.shape), output.shard, output.offset);
    if (output.transform >= 0) fmt::format_to(out, " by {}", transform_id(plan, output.transform));
    text += '\n';
    for (const auto& piece : output.view.pieces) {
      if (is_zero(piece)) {
        fmt::format_to(out, "  zeros -> +{}", piece.output_offset);
        for (const auto& loop : piece.loops) fmt::format_to(out, " {}x{}", loop.extent, loop.output_stride);
        text += '\n';
        continue;
      }
      if (is_computed(piece)) {
        text += computed_text(piece, source);
        continue;
      }
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
  for (const auto& condition : plan.conditions) text += condition_text(condition, source);
  for (const auto& edit : plan.config_edits) {
    fmt::format_to(out, "config {}: {} -> {}\n", edit.path, edit.before ? edit.before->dump() : "absent",
                   edit.after ? edit.after->dump() : "absent");
  }
  if (!plan.adapter) return text;
  for (const auto& edit : plan.adapter->edits) {
    fmt::format_to(out, "adapter_config {}: {} -> {}\n", edit.path,
                   edit.before ? edit.before->dump() : "absent", edit.after ? edit.after->dump() : "absent");
  }
  return text;
}

std::string plan_hash(const Plan& plan, const Checkpoint& source) {
  return content_hash(golden_dump(plan, source));
}

Json plan_json(const Plan& plan, const Checkpoint& source) {
  return document_of(PlanDocument{plan, source});
}

Json plan_schema() {
  return document_schema<PlanDocument>("tenon plan --json");
}

}  // namespace tenon
