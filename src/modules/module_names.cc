#include "modules/module_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "modules/rotation.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

const Json* part(const Json& config, const std::vector<const char*>& names) {
  for (const char* const name : names) {
    const auto found = config.find(name);
    if (found != config.end() && found->is_object()) return &*found;
  }
  return nullptr;
}

// The part of the text model: what it does not say stands at the top, as older files have it.
Json text_config(const Json& config) {
  const Json* const text =
      part(config, {"text_config", "llm_config", "language_config", "thinker_config", "text_model_config"});
  if (text == nullptr) return config;
  Json out = Json::object();
  for (const auto& [key, value] : config.items()) {
    if (!value.is_object() || key == "rope_parameters" || key == "rope_scaling") out[key] = value;
  }
  const Json inner = text_config(*text);
  for (const auto& [key, value] : inner.items()) out[key] = value;
  return out;
}

// A part of the model whose config stands for itself: what it does not say is not the text model's.
struct Tower {
  const char* name;  // after the model's type: llava_vision
  std::vector<std::string_view> words;
  std::vector<const char*> configs;
};

const std::vector<Tower>& towers() {
  static const std::vector<Tower> all = {
      {"vision", {"vision", "visual", "image"}, {"vision_config", "visual_config", "vision_tower_config"}},
      {"perceiver", {"perceiver"}, {"perceiver_config"}},
      {"audio", {"audio", "speech"}, {"audio_config", "speech_config"}}};
  return all;
}

// The path up to the first layer's number.
std::string above_layers(const std::string& path) {
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    if (dot + 1 < path.size() && path[dot + 1] >= '0' && path[dot + 1] <= '9') return path.substr(0, dot);
  }
  return path;
}

// nullptr: it is the text model. A tower holds layers; what is named so inside one (a text model's experts
// for pictures) is the layer's.
const Tower* tower_of(const std::string& path) {
  const std::string above = above_layers(path);
  for (const auto& tower : towers()) {
    for (const auto word : tower.words) {
      if (above.find(word) != std::string::npos) return &tower;
    }
  }
  return nullptr;
}

// nullptr: the config has none.
const Json* tower_config(const Json& config, const Tower* tower) {
  if (tower == nullptr) return nullptr;
  const Json* const thinker = part(config, {"thinker_config"});
  return part(thinker == nullptr ? config : *thinker, tower->configs);
}

std::string type_of(const Json& config) {
  const auto found = config.find("model_type");
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::optional<std::int64_t> layer_of(const std::string& path) {
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('.', from), path.size());
    std::int64_t out = 0;
    const auto [at, failed] = std::from_chars(path.data() + from, path.data() + end, out);
    if (failed == std::errc() && at == path.data() + end && out >= 0) return out;
    from = end + 1;
  }
  return std::nullopt;
}

ModuleConfig::ModuleConfig(const Json& config, const std::string& path, const Json& settings)
    : own_(Json::object()), layer_(layer_of(path)) {
  if (config.is_object()) {
    const Tower* const tower = tower_of(path);
    const Json* const part_config = tower_config(config, tower);
    own_ = part_config == nullptr ? text_config(config) : *part_config;
    type_ = type_of(config);
    // A publisher's config may call the part otherwise, or not at all.
    if (part_config != nullptr) type_ += fmt::format("_{}", tower->name);
  }
  rope_ = rotary_parameters(own_, layer_.value_or(-1));
  for (const auto& [name, value] : settings.items()) {
    if (!value.is_string() || !is_expression(value.get<std::string>())) {
      set_[name] = value;
      continue;
    }
    try {
      set_[name] = evaluate(value.get<std::string>(), config, names(), {});
    } catch (const UserError&) {
      // The step that reads it says what it lacks.
      set_.erase(name);
    }
  }
}

bool ModuleConfig::is_of(const std::vector<std::string>& types) const {
  std::string own = type_of(own_);
  if (own.ends_with("_text")) own.resize(own.size() - 5);
  return std::any_of(types.begin(), types.end(),
                     [&](const std::string& type) { return type == own || type == type_; });
}

}  // namespace tenon
