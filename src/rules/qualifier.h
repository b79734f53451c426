// Does a module have what a family takes?
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rules/rule_set.h"
#include "tensor/dtype.h"

namespace tenon {

/// Keys and the shapes of their tensors, which others own.
using Shapes = std::map<std::string, const Shape*, std::less<>>;

/// Judges modules by a family's `fusable:`, with the numbers of config.json. All that is handed to it
/// outlives it.
class Qualifier {
 public:
  Qualifier(const Fusable& fusable, const Shapes& tensors, const nlohmann::ordered_json& config)
      : fusable_(fusable), tensors_(tensors), config_(config) {}

  /// Why the module cannot be fused, or "" where it can. Nothing at all where it holds none of the tensors:
  /// then the glob just matched a module of another make. Throws UserError where config.json lacks a number
  /// that is needed.
  std::optional<std::string> obstacle(const std::string& module);

 private:
  static std::string below(const std::string& module, const std::string& name);
  std::string misfit(const FusableTensor& wanted, const Shape& shape);
  std::optional<std::size_t> first_misfit(const std::vector<std::optional<Number>>& wanted,
                                          const Shape& shape);
  std::int64_t value_of(const Number& n);
  std::string incomplete_group(const std::string& module) const;
  std::string unlike_group(const std::string& module) const;

  const Fusable& fusable_;
  const Shapes& tensors_;
  const nlohmann::ordered_json& config_;
  std::map<std::string, std::int64_t> values_;
};

}  // namespace tenon
