#include "plan/repack.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "plan/check_companions.h"
#include "plan/coded_weights.h"
#include "plan/coding_formats.h"
#include "plan/made_rules.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

bool is_matrix_of_numbers(const Tensor& tensor) {
  const auto [module, leaf] = module_and_leaf(tensor.key);
  return leaf == "weight" && tensor.shape.size() == 2 && is_plain_number(tensor.dtype) && !module.empty();
}

[[noreturn]] void refuse_packing(const Checkpoint& checkpoint, const std::string& key, std::string message,
                                 std::string hint) {
  throw UserError("value-dtype"_id, {checkpoint.directory.string(), 0, 0, {}, key, ""}, std::move(message),
                  std::move(hint));
}

// All weights in one of the two formats, and by the same parameters: config.json speaks of one.
void require_one_coding(const Checkpoint& checkpoint, const std::vector<CodedWeight>& weights) {
  if (weights.empty()) {
    const auto& tensors = checkpoint.tensors;
    const auto number = std::find_if(tensors.begin(), tensors.end(), is_matrix_of_numbers);
    if (number == tensors.end())
      refuse_packing(checkpoint, "", "no weight is coded by AWQ or GPTQ", "Is it the right folder?");
    refuse_packing(checkpoint, number->key,
                   fmt::format("this weight is {}: only integers that AWQ or GPTQ hold are repacked",
                               header_of(number->dtype, number->shape)),
                   "Numbers are coded by the other formats, as --quantize int4-g128.");
  }
  const CodedWeight& first = weights.front();
  for (const CodedWeight& weight : weights) {
    const std::string& key = checkpoint.tensors[weight.tensor].key;
    if (weight.repacked_by.empty())
      refuse_packing(
          checkpoint, key,
          fmt::format("this weight is coded for {}: only integers that AWQ or GPTQ hold are repacked",
                      weight.operation.begin().key()),
          "Decode it first, with --dtype bf16.");
    if (weight.operation != first.operation)
      refuse_packing(
          checkpoint, key,
          fmt::format("this weight is coded for {}, and {} for {}", weight.operation.dump(),
                      checkpoint.tensors[first.tensor].key, first.operation.dump()),
          "What config.json says of packed integers is one for all: decode them, with --dtype fp16.");
  }
  const auto bits = first.operation.begin().value().value("num_bits", std::int64_t{4});
  if (bits < 1 || 32 % bits != 0)
    throw UserError("value-parameter"_id,
                    {checkpoint.directory.string(), 0, 0, {}, checkpoint.tensors[first.tensor].key, ""},
                    fmt::format("codes of {} bits lie across words, which are repacked as they are", bits),
                    "Decode them, with --dtype fp16.");
}

}  // namespace

void set_packing(RuleSet& rules, const Checkpoint& checkpoint, const std::vector<std::string>& ignore) {
  if (!ignore.empty())
    throw UserError("value-parameter"_id, {"--ignore", 0, 0, {}, "", ""},
                    "all weights are repacked, or none: config.json speaks of one coding", "Leave it out.");
  const std::vector<CodedWeight> weights = coded_weights(checkpoint);
  require_one_coding(checkpoint, weights);
  const CodedWeight& first = weights.front();
  const Json& parameters = first.operation.begin().value();
  const bool symmetric = !parameters.value("zero_point", true);
  rules.transforms.clear();
  rules.fused_keys.clear();
  std::vector<std::string> sources;
  Modules modules;
  for (const CodedWeight& weight : weights) {
    modules.insert(weight.stem);
    for (const std::string& role : weight.roles) {
      std::string pattern = "^(.+)\\." + role + "$";
      if (std::find(sources.begin(), sources.end(), pattern) == sources.end())
        sources.push_back(std::move(pattern));
    }
  }
  std::vector<std::string> targets;
  for (const char* const role : {"weight_packed", "weight_scale", "weight_shape", "weight_zero_point"}) {
    if (!symmetric || std::string_view(role) != "weight_zero_point")
      targets.push_back(fmt::format("^\\1\\.{}$", role));
  }
  MadeRules made(rules, "quantize-packed");
  made.add(sources, targets, {{first.repacked_by, parameters}}, modules);
  Json left = Json::array();
  for (const Tensor& tensor : checkpoint.tensors) {
    if (is_matrix_of_numbers(tensor)) left.push_back(module_and_leaf(tensor.key).first);
  }
  std::string path;
  quantisation_of(checkpoint.config, &path);
  Json config = packed_integers_config(parameters.value("num_bits", std::int64_t{4}),
                                       parameters.value("group_size", std::int64_t{-1}), symmetric);
  config["ignore"] = std::move(left);
  rules.config_changes.push_back({path, std::move(config)});
  made.record();
}

}  // namespace tenon
