#include "rules/parse_operation.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>

#include "base/text.h"
#include "rules/expression.h"

namespace tenon {
namespace {

using Does = decltype(Operation::does);

// Reads the parameters of one operation, each as the type that it has.
struct Parameters {
  const YamlFile& yaml;
  MapReader& map;
  Diagnostics& diagnostics;

  int dim(const std::string& key, int fallback = 0) const {
    const std::int64_t value = map.integer(key, fallback);
    if (value >= -8 && value < 8) return static_cast<int>(value);
    map.error(map.take(key), fmt::format("'{}' is a dimension between -8 and 7", key));
    return fallback;
  }

  std::optional<Number> number(const YAML::Node& node, const std::string& key) const {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    Number out{text, yaml.place(node), std::nullopt};
    if (is_expression(text)) {
      if (const auto error = expression_error(text)) {
        map.error(node, fmt::format("'{}': {}", text, *error));
        return std::nullopt;
      }
      return out;
    }
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || text.empty() || value < 1) {
      map.error(node,
                fmt::format("'{}' takes positive integers or expressions like ${{config.hidden_size}}", key));
      return std::nullopt;
    }
    out.value = value;
    return out;
  }

  std::optional<Number> optional_number(const std::string& key) const {
    const YAML::Node node = map.take(key);
    return node.IsDefined() ? number(node, key) : std::nullopt;
  }

  std::vector<Number> numbers(const std::string& key) const {
    const YAML::Node node = map.take(key);
    std::vector<Number> out;
    if (!node.IsDefined()) return out;
    if (!node.IsSequence()) {
      map.error(node, fmt::format("'{}' is a list", key));
      return out;
    }
    for (const auto& item : node) {
      if (auto value = number(item, key)) out.push_back(*value);
    }
    return out;
  }

  PartSizes sizes() const {
    const YAML::Node node = map.take("sizes");
    if (!node.IsDefined()) return {};
    if (node.IsScalar() && node.Scalar() == "equal") return {PartSizes::Kind::kEqual, {}};
    if (node.IsScalar()) {
      map.error(node, "'sizes' is `equal`, or a list with the extent of each part");
      return {};
    }
    return {PartSizes::Kind::kListed, numbers("sizes")};
  }

  // in_channels and kernel_size of a patch embedding; where the rule leaves them out, the vision config has
  // them under these names.
  std::optional<Number> in_channels(const YAML::Node& at) const {
    if (auto given = optional_number("in_channels")) return given;
    return Number{
        "${config.vision_config.in_channels or config.vision_config.in_chans or config.in_channels or "
        "config.in_chans}",
        yaml.place(at), std::nullopt};
  }

  std::vector<Number> kernel_size(const YAML::Node& at) const {
    std::vector<Number> given = numbers("kernel_size");
    if (!given.empty()) {
      if (given.size() != 3)
        map.error(map.take("kernel_size"), "'kernel_size' has three extents: time, height, width");
      return given;
    }
    const Place place = yaml.place(at);
    const Number patch{"${config.vision_config.patch_size or config.patch_size}", place, std::nullopt};
    return {
        {"${config.vision_config.temporal_patch_size or config.temporal_patch_size}", place, std::nullopt},
        patch,
        patch};
  }
};

using OperationReader = std::function<Does(const Parameters&, const YAML::Node&)>;

const std::map<std::string, OperationReader>& readers() {
  static const std::map<std::string, OperationReader> kReaders = {
      {"Chunk",
       [](auto& p, auto&) -> Does {
         return Chunk{p.dim("dim"), p.map.text("num_shards_attribute"), p.sizes()};
       }},
      {"Concatenate",
       [](auto& p, auto&) -> Does {
         return Concatenate{p.dim("dim"), p.map.text("num_shards_attribute"), p.sizes()};
       }},
      {"MergeModulelist", [](auto& p, auto&) -> Does { return MergeModulelist{p.dim("dim")}; }},
      {"SplitModulelist", [](auto& p, auto&) -> Does { return SplitModulelist{p.dim("dim")}; }},
      {"Transpose",
       [](auto& p, auto&) -> Does {
         return Transpose{p.dim("dim0"), p.dim("dim1", 1), p.map.boolean("check_dims", false),
                          parse_shape(p.yaml, p.map, "target_shape", p.diagnostics), false};
       }},
      {"Interleave",
       [](auto& p, auto&) -> Does {
         return Interleave{p.dim("dim"), p.map.boolean("inverse", false)};
       }},
      {"Conv3dToLinear",
       [](auto& p, auto& at) -> Does {
         return Conv3dToLinear{p.in_channels(at), p.kernel_size(at)};
       }},
      {"LinearToConv3d",
       [](auto& p, auto& at) -> Does {
         return LinearToConv3d{p.in_channels(at), p.kernel_size(at)};
       }},
      {"PermuteForRope",
       [](auto& p, auto&) -> Does {
         return PermuteForRope{p.map.text("subconfig_key"), p.map.texts("permute_layer_names"),
                               p.map.boolean("inverse", false), std::nullopt};
       }},
      {"ErnieFuseAndSplitTextVisionExperts",
       [](auto& p, auto&) -> Does {
         return ErnieFuseAndSplitTextVisionExperts{p.dim("stack_dim"), p.dim("concat_dim", 1)};
       }},
      {"ErnieSplitAndDecoupleTextVisionExperts",
       [](auto& p, auto&) -> Does {
         return ErnieSplitAndDecoupleTextVisionExperts{p.dim("stack_dim"), p.dim("concat_dim", 1)};
       }},
  };
  return kReaders;
}

}  // namespace

std::vector<std::optional<Number>> parse_shape(const YamlFile& yaml, MapReader& map, const std::string& key,
                                               Diagnostics& diagnostics) {
  const YAML::Node node = map.take(key);
  std::vector<std::optional<Number>> out;
  if (!node.IsDefined()) return out;
  if (!node.IsSequence()) {
    map.error(node, fmt::format("'{}' is a list of extents, null for any", key));
    return out;
  }
  const Parameters parameters{yaml, map, diagnostics};
  for (const auto& item : node) out.push_back(item.IsNull() ? std::nullopt : parameters.number(item, key));
  return out;
}

const std::vector<std::string>& operation_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const auto& [name, reader] : readers()) names.push_back(name);
    return names;
  }();
  return kNames;
}

std::optional<Operation> parse_operation(const YamlFile& yaml, const YAML::Node& node,
                                         Diagnostics& diagnostics) {
  const bool bare = node.IsScalar();
  if (!bare && (!node.IsMap() || node.size() != 1)) {
    diagnostics.error(yaml.place(node), "an operation is written Name: {parameters}");
    return std::nullopt;
  }
  const YAML::Node key = bare ? node : node.begin()->first;
  const std::string name = key.IsScalar() ? key.Scalar() : "";
  const auto reader = readers().find(name);
  if (reader == readers().end()) {
    std::string hint = did_you_mean(name, operation_names());
    if (hint.empty()) hint = fmt::format("Known: {}.", fmt::join(operation_names(), ", "));
    diagnostics.error(yaml.place(key), fmt::format("unknown operation '{}'", name), hint);
    return std::nullopt;
  }
  const YAML::Node parameters = bare ? YAML::Node(YAML::NodeType::Map) : node.begin()->second;
  MapReader map(yaml, parameters, name, diagnostics);
  Operation out{reader->second({yaml, map, diagnostics}, key), yaml.place(key), std::nullopt};
  map.finish();
  return out;
}

}  // namespace tenon
