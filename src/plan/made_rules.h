// Converters that nobody wrote, as a rule file would have them.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rules/rule_set.h"
#include "tensor/dtype.h"

namespace tenon {

using Modules = std::set<std::string, std::less<>>;

/// Before the last dot of a key, and behind it.
std::pair<std::string, std::string> module_and_leaf(const std::string& key);

/// F32, BF16, F16.
bool is_plain_number(DType dtype);

/// `operations` as a rule file has them. Throws UserError where they cannot be read.
Transform made_converter(const std::string& rule, int index, const std::vector<std::string>& sources,
                         const std::vector<std::string>& targets, const nlohmann::ordered_json& operations);

/// Adds such converters to a list of rules, which outlives it.
class MadeRules {
 public:
  MadeRules(RuleSet& rules, std::string name) : rules_(rules), name_(std::move(name)) {}

  /// For tensors below these modules; "" among them: for all.
  void add(const std::vector<std::string>& sources, const std::vector<std::string>& targets,
           const nlohmann::ordered_json& operation, const Modules& modules);

  /// The rules take part by their name, and by a hash of what they say.
  void record();

 private:
  RuleSet& rules_;
  std::string name_;
  int made_ = 0;
};

}  // namespace tenon
