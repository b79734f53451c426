// The whole of parity on checkpoints made here: modules found, five checks, planted faults rejected.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "checkpoint/checkpoint.h"
#include "checkpoint/file.h"
#include "modules/bind_program.h"
#include "modules/parse_modules.h"
#include "parity/mutants.h"
#include "parity/open_backend.h"
#include "parity/result.h"
#include "plan/build_plan.h"
#include "rules/parse_rules.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

// A checkpoint of one file in a folder of its own, with seeded F32 weights of deviation near 0.3.
class MadeCheckpoint {
 public:
  explicit MadeCheckpoint(const std::vector<std::pair<std::string, Shape>>& tensors,
                          const std::string& config) {
    folder_ = std::filesystem::temp_directory_path() /
              ("tenon-parity-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "config.json") << config;
    nlohmann::ordered_json header;
    std::vector<float> values;
    std::uint32_t state = 12345;
    for (const auto& [key, shape] : tensors) {
      const std::size_t begin = values.size() * sizeof(float);
      for (std::size_t i = 0; i < element_count(shape).value(); ++i) {
        state = state * 1664525U + 1013904223U;
        values.push_back(static_cast<float>(state >> 8) * 0x1p-24F - 0.5F);
      }
      header[key] = {
          {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, values.size() * sizeof(float)}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    std::ofstream out(folder_ / "model.safetensors", std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof(length));
    out << text;
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
    out.close();
    checkpoint = open_checkpoint(folder_);
  }
  ~MadeCheckpoint() { std::filesystem::remove_all(folder_); }
  MadeCheckpoint(const MadeCheckpoint&) = delete;
  MadeCheckpoint& operator=(const MadeCheckpoint&) = delete;

  Checkpoint checkpoint;

 private:
  static inline int counter = 0;
  std::filesystem::path folder_;
};

RuleFile rules_from(const std::string& text) {
  Diagnostics diagnostics;
  RuleFile file = parse_rules(text, "test.yaml", diagnostics);
  diagnostics.throw_if_errors();
  return file;
}

ParityResult parity_of(const Checkpoint& checkpoint, const std::string& rules, ParityOptions options = {},
                       const Checkpoint* fused = nullptr) {
  RuleSet set;
  set.files = {rules_from(rules)};
  set.transforms = set.files.front().transforms;
  Diagnostics diagnostics;
  for (auto& transform : set.transforms) resolve(transform, checkpoint.config, diagnostics);
  diagnostics.throw_if_errors();
  const Plan plan = build_plan(checkpoint, set, {});
  return run_parity(checkpoint, set, plan, fused, options, *open_backend(BackendChoice::kCpu));
}

const std::string kGateUp = R"(
tenon: 1
name: test
about: gate and up become one
transforms:
  - WeightConverter:
      source_patterns: ['\.gate_proj\.weight$', '\.up_proj\.weight$']
      target_patterns: \.gate_up_proj\.weight$
      operations: [Concatenate: {dim: 0, sizes: equal}]
modules:
  - name: gated_mlp
    at: '**.mlp'
    inputs: {x: [tokens, 'gate_proj.weight[1]']}
    original:
      - {op: linear, x: x, weight: gate_proj.weight, out: g}
      - {op: linear, x: x, weight: up_proj.weight, out: u}
      - {op: act_mul, act: silu, x: g, y: u, out: h}
      - {op: linear, x: h, weight: down_proj.weight, out: y}
    fused:
      - {op: gated_mlp, x: x, gate_up: gate_up_proj.weight, down: down_proj.weight, act: ACT, out: y}
    compare: [y]
)";

const std::string kRope = R"(
tenon: 1
name: test
about: q and v come apart, and rows of q are permuted for RoPE
transforms:
  - WeightConverter:
      source_patterns: qv
      target_patterns: [q_proj, v_proj]
      operations: [Chunk: {dim: 0}, PermuteForRope: {permute_layer_names: [q_proj]}]
modules:
  - name: rope
    at: '**.attn'
    inputs: {x: [tokens, 'qv.weight[1]']}
    original:
      - {op: linear, x: x, weight: qv.weight, bias: qv.bias, out: all}
      - {op: chunk, x: all, dim: -1, out: [flat, v]}
      - &heads {op: reshape, x: flat, shape: [tokens, 2, -1], out: heads}
      - {op: rope, x: heads, theta: 10000, interleaved: true, out: y}
    fused:
      - {op: linear, x: x, weight: q_proj.weight, bias: q_proj.bias, out: flat}
      - *heads
      - {op: rope, x: heads, theta: 10000, out: halves}
      - {op: reshape, x: halves, shape: [tokens, 2, 2, -1], out: cut}
      - {op: transpose, x: cut, axes: [0, 1, 3, 2], out: mixed}
      - {op: reshape, x: mixed, shape: [tokens, 2, -1], out: y}
      - {op: linear, x: x, weight: v_proj.weight, bias: v_proj.bias, out: v}
    compare: [y, v]
)";

std::string with(std::string text, const std::string& what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
  return text;
}

MadeCheckpoint mlp_checkpoint() {
  return MadeCheckpoint({{"layers.0.mlp.down_proj.weight", {24, 40}},
                         {"layers.0.mlp.gate_proj.weight", {40, 24}},
                         {"layers.0.mlp.up_proj.weight", {40, 24}},
                         {"layers.1.mlp.down_proj.weight", {24, 40}},
                         {"layers.1.mlp.gate_proj.weight", {40, 24}},
                         {"layers.1.mlp.up_proj.weight", {40, 24}}},
                        "{}");
}

}  // namespace

TEST_CASE("parity: a gated MLP holds in every format, with bounds that are not vacuous") {
  const MadeCheckpoint made = mlp_checkpoint();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    ParityOptions options;
    options.dtype = dtype;
    const ParityResult result = parity_of(made.checkpoint, with(kGateUp, "ACT", "silu"), options);
    REQUIRE(result.modules.size() == 2);
    CHECK(result.holds());
    for (const auto& module : result.modules) {
      CHECK(module.dtype == dtype);
      CHECK(module.bytes_hold());
      CHECK(module.bitwise_elements == 16 * 24);
      CHECK(module.bitwise_holds());
      CHECK(module.bounded_holds());
      CHECK(module.no_worse_holds());
      CHECK(module.power_holds());
      CHECK(module.fused.ratio >= (dtype == DType::kF32 ? 0.001 : 0.01));
      CHECK(module.mutants.size() >= 5);
    }
  }
}

TEST_CASE("parity: one layer of several, where asked for") {
  const MadeCheckpoint made = mlp_checkpoint();
  ParityOptions options;
  options.layers = {{1, 1}};
  const ParityResult result = parity_of(made.checkpoint, with(kGateUp, "ACT", "silu"), options);
  REQUIRE(result.modules.size() == 1);
  CHECK(result.modules[0].path == "layers.1.mlp");
}

TEST_CASE("parity: of several modules that cannot be read, the first one is told") {
  std::vector<std::pair<std::string, Shape>> tensors;
  for (const char* layer : {"0", "1", "2", "3", "4", "5"}) {
    const std::string path = std::string("layers.") + layer + ".mlp.";
    for (const char* weight : {"down_proj", "gate_proj", "up_proj"})
      tensors.emplace_back(path + weight + ".weight", tensors.size() < 3 ? Shape{900, 900} : Shape{24, 24});
  }
  // The first module is large, so that another thread finds the others' faults before its own is found.
  const MadeCheckpoint made(tensors, "{}");
  for (int round = 0; round < 10; ++round) {
    try {
      parity_of(made.checkpoint, with(kGateUp, "ACT", "silu"), {}, &made.checkpoint);
      FAIL("the original is no fused checkpoint");
    } catch (const UserError& error) {
      CHECK(error.diagnostics().front().place.inside == "layers.0.mlp.gate_up_proj.weight");
    }
  }
}

TEST_CASE("parity: nothing compared is a failure") {
  const MadeCheckpoint made({{"norm.weight", {8}}}, "{}");
  const ParityResult result = parity_of(made.checkpoint, with(kGateUp, "ACT", "silu"));
  CHECK(result.modules.empty());
  CHECK_FALSE(result.holds());
}

TEST_CASE("parity: tensors that are only renamed hold by their bytes") {
  const MadeCheckpoint made({{"norm.weight", {8}}}, "{}");
  const ParityResult result = parity_of(made.checkpoint,
                                        "tenon: 1\nname: test\nabout: nothing\ntransforms:\n  - "
                                        "WeightRenaming: {source_patterns: never, target_patterns: seen}\n");
  CHECK(result.modules.empty());
  CHECK(result.changed_bytes == 0);
  CHECK(result.by_bytes_alone.size() == 1);
  CHECK(result.holds());
}

TEST_CASE("parity: a fused module with another activation is rejected") {
  const MadeCheckpoint made = mlp_checkpoint();
  for (const char* act : {"gelu", "relu"}) {
    const ParityResult result = parity_of(made.checkpoint, with(kGateUp, "ACT", act));
    CHECK_FALSE(result.holds());
    CHECK_FALSE(result.modules.at(0).bitwise_holds());
    CHECK_FALSE(result.modules.at(0).bounded_holds());
  }
}

TEST_CASE("parity: an activation exchanged for its approximation is rejected in FP32") {
  const MadeCheckpoint made = mlp_checkpoint();
  const std::string rules = with(with(kGateUp, "act: silu", "act: gelu"), "ACT", "gelu_tanh");
  const ParityResult result = parity_of(made.checkpoint, rules);
  CHECK_FALSE(result.modules.at(0).bounded_holds());
}

TEST_CASE("parity: halves joined in the wrong order are rejected") {
  const MadeCheckpoint made = mlp_checkpoint();
  const std::string rules = with(with(kGateUp, R"(['\.gate_proj\.weight$', '\.up_proj\.weight$'])",
                                      R"(['\.up_proj\.weight$', '\.gate_proj\.weight$'])"),
                                 "ACT", "silu");
  const ParityResult result = parity_of(made.checkpoint, rules);
  CHECK_FALSE(result.modules.at(0).bitwise_holds());
  CHECK_FALSE(result.modules.at(0).bounded_holds());
}

TEST_CASE("parity: rows permuted for RoPE are planted as they were before, weight and bias") {
  const MadeCheckpoint made({{"attn.qv.weight", {32, 12}}, {"attn.qv.bias", {32}}},
                            R"({"num_attention_heads": 2})");
  const ParityResult result = parity_of(made.checkpoint, kRope);
  CHECK(result.holds());
  const auto& mutants = result.modules.at(0).mutants;
  const auto planted = std::find_if(mutants.begin(), mutants.end(),
                                    [](const auto& m) { return m.name == "RoPE permutation left out"; });
  REQUIRE(planted != mutants.end());
  CHECK(planted->weight == "q_proj.weight");
  CHECK(planted->killed_by == std::vector<std::string>{"bytes", "bitwise", "bounded", "no worse"});

  // A rule that leaves the permutation out in earnest is rejected, and the planted fault is what it does.
  const std::string left_out = with(kRope, ", PermuteForRope: {permute_layer_names: [q_proj]}", "");
  CHECK_FALSE(parity_of(made.checkpoint, left_out).modules.at(0).bitwise_holds());

  Diagnostics diagnostics;
  const auto programs = parse_modules(rules_from(kRope), diagnostics);
  ModuleWeights weights;
  for (const char* name : {"q_proj", "v_proj"}) {
    weights[std::string(name) + ".weight"] = {{"", DType::kF32, {16, 12}, nullptr}};
    weights[std::string(name) + ".bias"] = {{"", DType::kF32, {16}, nullptr}};
  }
  const auto& program = programs.at(0);
  const BoundProgram bound =
      bind_program(program.fused, program.inputs, {{4, 12}}, shapes_of(weights), {made.checkpoint.config, 4});
  const auto all = mutants_of(bound, weights, {});
  const auto change = std::find_if(all.begin(), all.end(), [](const Mutant& m) {
                        return m.name == "RoPE permutation left out";
                      })->change;
  const std::vector<std::size_t> pairs{0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15};
  REQUIRE(change.size() == 2);
  CHECK(change[0].order == pairs);
  CHECK(change[1].order == pairs);
}

TEST_CASE("parity: mistakes in a module program are told with their place") {
  RuleFile file = rules_from(with(kGateUp, "op: gated_mlp, x: x", "op: gated_mpl, x: z"));
  Diagnostics diagnostics;
  parse_modules(file, diagnostics);
  REQUIRE(diagnostics.has_errors());
  CHECK(diagnostics.all().front().message == "there is no operation 'gated_mpl'");
  CHECK(diagnostics.all().front().place.line == 20);

  file = rules_from(with(kGateUp, "x: g, y: u", "x: g, y: w"));
  Diagnostics more;
  parse_modules(file, more);
  REQUIRE(more.all().size() == 1);
  CHECK(more.all().front().message == "'w' is no input, and no step before this one makes it");
}

TEST_CASE("parity: shapes that do not fit are told at their step") {
  const MadeCheckpoint made = mlp_checkpoint();
  const std::string rules =
      with(with(kGateUp, "x: h, weight: down_proj", "x: h, weight: up_proj"), "ACT", "silu");
  CHECK_THROWS_WITH(parity_of(made.checkpoint, rules),
                    Catch::Contains("linear: x [16, 40] does not fit the weight [40, 24]"));
}

}  // namespace tenon
