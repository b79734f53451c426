#include "plan/made_rules.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "base/content_hash.h"
#include "rules/language/yaml_reader.h"
#include "rules/parse_transform.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::pair<std::string, std::string> module_and_leaf(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string::npos ? std::pair(std::string(), key)
                                  : std::pair(key.substr(0, dot), key.substr(dot + 1));
}

bool is_plain_number(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

Transform made_converter(const std::string& rule, int index, const std::vector<std::string>& sources,
                         const std::vector<std::string>& targets, const Json& operations) {
  const Json document = {
      {"WeightConverter",
       {{"source_patterns", sources}, {"target_patterns", targets}, {"operations", operations}}}};
  Diagnostics mistakes;
  const YamlFile yaml(document.dump(), rule, mistakes);
  mistakes.throw_if_errors();
  std::optional<Transform> out = parse_transform(yaml, yaml.root(), mistakes);
  mistakes.throw_if_errors();
  if (!out) throw std::logic_error("a rule that was made cannot be read");
  resolve(*out, Json::object(), mistakes);
  mistakes.throw_if_errors();
  out->rule = rule;
  out->index = index;
  out->place = {rule, 0, 0, {}, "", ""};
  out->source_places.clear();
  return std::move(*out);
}

void MadeRules::add(const std::vector<std::string>& sources, const std::vector<std::string>& targets,
                    const Json& operation, const Modules& modules) {
  Transform t = made_converter(name_, made_++, sources, targets, Json::array({operation}));
  if (!modules.contains(std::string_view())) t.modules = std::make_shared<const Modules>(modules);
  t.modules_stay = true;
  rules_.transforms.push_back(std::move(t));
}

void MadeRules::record() {
  std::string text;
  for (const Transform& t : rules_.transforms)
    text += fmt::format("{} {}\n", t.id(), t.written_operations.dump());
  RuleFile file;
  file.name = name_;
  file.hash = content_hash(text);
  rules_.files.push_back(std::move(file));
  rules_.chosen.push_back(name_);
  rules_.has_none = false;
}

}  // namespace tenon
