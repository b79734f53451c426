#include "report/plan_report.h"

#include <catch2/catch.hpp>

#include "rules/operations/registry.h"

using namespace tenon;

TEST_CASE("a plan tells what was chosen, what becomes of the tensors, and what is written") {
  Checkpoint source;
  source.directory = "moe";
  source.tensors = {{"a", DType::kF32, {2}, 0, 0, 8},
                    {"b.0.w", DType::kF32, {4}, 0, 8, 16},
                    {"b.1.w", DType::kF32, {4}, 0, 24, 16},
                    {"old", DType::kF32, {1}, 0, 40, 4},
                    {"inv_freq", DType::kF32, {1}, 0, 44, 4}};
  RuleSet rules;
  rules.notes = {"rules mixtral (model type 'mixtral')"};
  Transform stack;
  stack.kind = TransformKind::kWeightConverter;
  stack.source_patterns = {"b.*.w"};
  stack.target_patterns = {"b"};
  stack.operations = {{find_layout_operation("MergeModulelist")->make(), {}}};
  stack.rule = "mixtral";
  Plan plan;
  plan.to = Layout::kFused;
  plan.transforms = {stack};
  using Kind = SourceFate::Kind;
  plan.fates = {{Kind::kPassed, "a", -1, ""},
                {Kind::kConverted, "b", 0, ""},
                {Kind::kConverted, "b", 0, ""},
                {Kind::kRenamed, "new", -1, ""},
                {Kind::kDropped, "", -1, "recomputed at load"}};
  plan.outputs = {{"a", {}, -1, 0, 0, 8}, {"b", {}, 0, 0, 8, 32}, {"new", {}, -1, 0, 40, 4}};
  plan.shards = {{"model.safetensors", "", 144}};
  plan.config_edits = {{"fusion_config.qkv", std::nullopt, true}};
  plan.notes = {{Severity::kNote, "plan-rules"_id, {}, rules.notes[0], ""},
                {Severity::kNote, "plan-assumed"_id, {}, "parts of 'qkv' assumed equal", ""}};
  plan.hash = "xxh3-128:00";
  CHECK(plan_text(source, rules, plan) ==
        R"(moe to the fused layout

  rules mixtral (model type 'mixtral')

  tensors  become  size  by
        1       1   8 B  copied as they are
        1       1   4 B  renamed
        2       1  32 B  mixtral#0 (WeightConverter b.*.w -> b): MergeModulelist(dim=0)

  1 left out (recomputed at load): inv_freq

  writes             tensors   size
  model.safetensors        3  144 B

  config.json: fusion_config.qkv: absent becomes true

  note[plan-assumed]: parts of 'qkv' assumed equal

5 tensors, 48 B become 3 tensors, 44 B in 1 file
proven: every tensor is accounted for, and the way back gives the source's names, shapes and elements, but for 1 tensor that is left out
plan xxh3-128:00
)");
}
