#include "plan/value_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>

#include "base/text.h"
#include "plan/check_companions.h"
#include "plan/coded_weights.h"
#include "plan/coding_formats.h"
#include "plan/made_rules.h"
#include "plan/map_keys.h"
#include "plan/repack.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// Numbers that stay as they are whatever the rest becomes: routers correct themselves by sums of small steps,
// and state-space models take exponentials of these.
constexpr const char* kKeptByDefault[] = {"**.e_score_correction_bias", "**.A_log", "**.dt_bias"};

// What the formats' own tools leave alone.
constexpr const char* kNotCoded[] = {"lm_head", "**.lm_head", "**embed*",
                                     "**.wte",  "**.wpe",     "**norm*",
                                     "**.gate", "**.router",  "**.shared_expert_gate"};

bool finds_key(const std::vector<std::string>& globs, const std::string& key) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_matches(glob, key); });
}

class DecodingRules {
 public:
  DecodingRules(RuleSet& rules, const Checkpoint& checkpoint, std::string name)
      : rules_(rules), checkpoint_(checkpoint), made_(rules, std::move(name)) {}

  void decode(DType dtype, const std::vector<std::string>& keep) {
    const FusedKeys fused(rules_.fused_keys, rules_.base_model_prefix);
    KeyMapper mapper(rules_.transforms, true, fused);
    for (const Tensor& tensor : checkpoint_.tensors) mapped_.push_back(mapper.map(tensor.key));
    std::vector<CodedWeight> weights = coded_weights(checkpoint_);
    // The model's own rules speak of the weight, however it is coded.
    for (const CodedWeight& weight : weights) {
      const std::string key = weight.between == "_" ? weight.stem : weight.stem + ".weight";
      converter_of_[weight.tensor] = mapper.map(key).converter;
    }
    std::vector<bool> taken(checkpoint_.tensors.size(), false);
    for (CodedWeight& weight : weights) {
      weight.operation.begin().value()["dtype"] = name_of(dtype);
      for (const std::string& role : weight.roles) {
        const Tensor* const tensor = checkpoint_.find(weight.stem + weight.between + role);
        if (tensor != nullptr) taken[static_cast<std::size_t>(tensor - checkpoint_.tensors.data())] = true;
      }
    }
    const auto in_front = converters_that_take(weights);
    std::map<int, Json> casts;
    std::map<std::string, Modules> cast_leaves;
    for (std::size_t i = 0; i < mapped_.size(); ++i) {
      const Tensor& tensor = checkpoint_.tensors[i];
      if (taken[i] || !is_plain_number(tensor.dtype) || tensor.dtype == dtype || finds_key(keep, tensor.key))
        continue;
      if (mapped_[i].converter >= 0) {
        if (!in_front.contains(mapped_[i].converter))
          casts[mapped_[i].converter] = {{"Cast", {{"dtype", name_of(dtype)}}}};
        continue;
      }
      const auto [module, leaf] = module_and_leaf(mapped_[i].key);
      cast_leaves[leaf].insert(module);
    }
    for (const auto& [index, weight] : in_front) put_in_front(index, *weight);
    for (const auto& [index, operation] : casts) put_in_front(index, operation);
    add_decoders(weights, in_front);
    for (const auto& [leaf, modules] : cast_leaves)
      made_.add({fmt::format("^(.+)\\.{}$", leaf)}, {fmt::format("^\\1\\.{}$", leaf)},
                {{"Cast", {{"dtype", name_of(dtype)}}}}, modules);
    std::string path;
    if (!weights.empty() && quantisation_of(checkpoint_.config, &path) != nullptr)
      rules_.config_changes.push_back({path, std::nullopt});
    const char* const word = dtype == DType::kBF16  ? "bfloat16"
                             : dtype == DType::kF16 ? "float16"
                                                    : "float32";
    for (const char* const key : {"torch_dtype", "dtype"}) {
      if (checkpoint_.config.contains(key)) rules_.config_changes.push_back({key, Json(word)});
    }
    made_.record();
  }

 private:
  int converter_of(const CodedWeight& weight) const { return converter_of_.at(weight.tensor); }

  // By converter, the weights that it takes: all in one format.
  std::map<int, const CodedWeight*> converters_that_take(const std::vector<CodedWeight>& weights) {
    std::map<int, const CodedWeight*> out;
    Diagnostics errors;
    for (const CodedWeight& weight : weights) {
      const int index = converter_of(weight);
      if (index < 0) continue;
      const auto [at, fresh] = out.try_emplace(index, &weight);
      if (fresh || at->second->operation == weight.operation) continue;
      errors.add_once(fmt::format("{}", index),
                      {Severity::kError,
                       "value-roles"_id,
                       {checkpoint_.directory.string(), 0, 0, {}, checkpoint_.tensors[weight.tensor].key, ""},
                       fmt::format("{} takes weights of two formats: {} and {}",
                                   describe(rules_.transforms[static_cast<std::size_t>(index)]),
                                   at->second->operation.dump(), weight.operation.dump()),
                       "Write a rule file that tells them apart.",
                       {},
                       {}});
    }
    errors.throw_if_errors();
    return out;
  }

  void put_in_front(int index, const Json& operation) {
    Transform& t = rules_.transforms[static_cast<std::size_t>(index)];
    replace(t, t.source_patterns, operation);
  }

  // Each pattern of a weight becomes those of all its tensors.
  void put_in_front(int index, const CodedWeight& weight) {
    Transform& t = rules_.transforms[static_cast<std::size_t>(index)];
    std::vector<std::string> sources;
    for (std::string pattern : t.source_patterns) {
      if (pattern.ends_with('$')) pattern.pop_back();
      const std::string ending = weight.between == "_" ? "" : "weight";
      if (!pattern.ends_with(ending))
        throw UserError("value-roles"_id, t.place,
                        fmt::format("{} takes coded weights, but '{}' does not end in '{}'", describe(t),
                                    pattern, ending),
                        "Write a rule file with the operation that decodes them.");
      pattern.resize(pattern.size() - ending.size());
      for (const std::string& role : weight.roles)
        sources.push_back(fmt::format("{}{}{}$", pattern, ending.empty() ? weight.between : "", role));
    }
    replace(t, sources, weight.operation);
  }

  void replace(Transform& t, const std::vector<std::string>& sources, const Json& operation) {
    Json operations = Json::array({operation});
    for (const auto& written : t.written_operations) operations.push_back(written);
    Transform made = made_converter(t.rule, t.index, sources, t.target_patterns, operations);
    made.scope = t.scope;
    made.required = t.required;
    made.config_part = t.config_part;
    made.from_family = t.from_family;
    made.from_library = t.from_library;
    made.from_registry = t.from_registry;
    made.modules = t.modules;
    made.modules_stay = t.modules_stay;
    made.left_alone = t.left_alone;
    made.place = t.place;
    made.included_from = t.included_from;
    t = std::move(made);
  }

  // For what no converter takes: one converter for each format and name.
  void add_decoders(const std::vector<CodedWeight>& weights,
                    const std::map<int, const CodedWeight*>& in_front) {
    struct Kind {
      std::vector<std::string> sources;
      std::vector<std::string> targets;
      Json operation;
      Modules modules;
    };
    std::map<std::string, Kind> kinds;
    for (const CodedWeight& weight : weights) {
      if (in_front.contains(converter_of(weight))) continue;
      const std::string& key = mapped_[weight.tensor].key;
      const std::string stem =
          key.substr(0, key.size() - weight.between.size() - weight.roles.front().size());
      // "_blocks" is the end of the weight's own name, ".weight_packed" a name below the module's.
      const bool own_name = weight.between == "_";
      const auto [module, leaf] = own_name ? module_and_leaf(stem) : std::pair(stem, std::string());
      const std::string before = own_name ? "^(.+)\\." + leaf + "_" : "^(.+)\\.";
      Kind& kind = kinds[before + weight.operation.dump()];
      kind.operation = weight.operation;
      kind.targets = {own_name ? "^\\1\\." + leaf + "$" : "^\\1\\.weight$"};
      kind.modules.insert(module);
      for (const std::string& role : weight.roles) {
        const std::string pattern = before + role + "$";
        if (std::find(kind.sources.begin(), kind.sources.end(), pattern) == kind.sources.end())
          kind.sources.push_back(pattern);
      }
    }
    for (const auto& [name, kind] : kinds)
      made_.add(kind.sources, kind.targets, kind.operation, kind.modules);
  }

  RuleSet& rules_;
  const Checkpoint& checkpoint_;
  MadeRules made_;
  std::vector<MappedKey> mapped_;
  std::map<std::uint32_t, int> converter_of_;  // by tensor of codes
};

}  // namespace

DType dtype_of_word(const std::string& word) {
  if (word == "bf16") return DType::kBF16;
  if (word == "fp16") return DType::kF16;
  if (word == "fp32") return DType::kF32;
  throw std::logic_error("no dtype of that name");
}

void add_decoding(RuleSet& rules, const Checkpoint& checkpoint, DType dtype,
                  const std::vector<std::string>& keep) {
  std::vector<std::string> kept(std::begin(kKeptByDefault), std::end(kKeptByDefault));
  kept.insert(kept.end(), keep.begin(), keep.end());
  std::string name = "dtype-" + std::string(name_of(dtype));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  DecodingRules(rules, checkpoint, std::move(name)).decode(dtype, kept);
}

void set_coding(RuleSet& rules, const Checkpoint& checkpoint, const std::string& format,
                const std::vector<std::string>& ignore) {
  if (format == "packed") {
    set_packing(rules, checkpoint, ignore);
    return;
  }
  const CodingFormat coding = coding_format(format);
  std::vector<std::string> ignored(std::begin(kNotCoded), std::end(kNotCoded));
  ignored.insert(ignored.end(), ignore.begin(), ignore.end());
  if (const auto coded = coded_weights(checkpoint); !coded.empty())
    throw UserError(
        "value-dtype"_id,
        {checkpoint.directory.string(), 0, 0, {}, checkpoint.tensors[coded.front().tensor].key, ""},
        "this weight is coded already", "Decode it first, with --dtype bf16.");
  rules.transforms.clear();
  rules.fused_keys.clear();
  Modules modules;
  Json left = Json::array();
  std::size_t uneven = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto [module, leaf] = module_and_leaf(tensor.key);
    if (leaf != "weight" || tensor.shape.size() != 2 || !is_plain_number(tensor.dtype) || module.empty())
      continue;
    const bool fits = tensor.shape[1] % coding.columns == 0;
    if (fits && !finds_key(ignored, module)) {
      modules.insert(module);
      continue;
    }
    if (!finds_key(ignored, module)) ++uneven;
    left.push_back(module);
  }
  if (modules.empty())
    throw UserError(
        "value-dtype"_id, {checkpoint.directory.string(), 0, 0, {}, "", ""},
        fmt::format("no weight is left to be coded as {}", format),
        "Weights of two dimensions, of F32, BF16 or F16, are coded, but for those that --ignore names.");
  if (uneven > 0)
    rules.notes.push_back(fmt::format("{} weights stay as they are: their columns are no multiple of {}",
                                      uneven, coding.columns));
  MadeRules made(rules, "quantize-" + format);
  std::vector<std::string> targets;
  for (const std::string& role : coding.roles) targets.push_back("^\\1\\." + role + "$");
  made.add({"^(.+)\\.weight$"}, targets, coding.operation, modules);
  Json config = coding.config;
  config[format == "fp8-block" ? "modules_to_not_convert" : "ignore"] = std::move(left);
  rules.config_changes.push_back({"quantization_config", std::move(config)});
  made.record();
}

}  // namespace tenon
