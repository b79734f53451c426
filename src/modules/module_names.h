// What a module's programs know of its config: the part of its own tower, its layer, its rotary parameters.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "rules/language/expression.h"

namespace tenon {

/// Of a module path, its first number: "model.layers.12.mlp" is of layer 12.
std::optional<std::int64_t> layer_of(const std::string& path);

/// The names that expressions of a module's programs may use, for one module of a checkpoint.
class ModuleConfig {
 public:
  ModuleConfig(const nlohmann::ordered_json& config, const std::string& path,
               const nlohmann::ordered_json& settings = nlohmann::ordered_json::object());

  /// Points into this object.
  ModuleNames names() const { return {&own_, rope_.is_null() ? nullptr : &rope_, &set_, layer_}; }
  /// Is the module of one of these model types, by its own config or by the whole one?
  bool is_of(const std::vector<std::string>& types) const;

 private:
  nlohmann::ordered_json own_;
  nlohmann::ordered_json rope_;
  nlohmann::ordered_json set_ = nlohmann::ordered_json::object();
  std::optional<std::int64_t> layer_;
  /// config.json's; of a tower beside the text model with its part: llava_vision
  std::string type_;
};

}  // namespace tenon
