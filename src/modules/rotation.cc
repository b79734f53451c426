#include "modules/rotation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "modules/operation.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

bool has(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && !found->is_null();
}

double real(const Json& parameters, const char* name) {
  if (!has(parameters, name) || !parameters[name].is_number())
    throw Misfit(fmt::format("the rotary parameters {} lack '{}'", parameters.dump().substr(0, 120), name));
  return parameters[name].get<double>();
}

double real(const Json& parameters, const char* name, double fallback) {
  return has(parameters, name) && parameters[name].is_number() ? parameters[name].get<double>() : fallback;
}

// factor, or how far the model's length goes beyond the one that it was trained for.
double stretch(const Json& p) {
  if (has(p, "factor")) return real(p, "factor");
  return real(p, "max_position_embeddings") / real(p, "original_max_position_embeddings");
}

void llama3(const Json& p, Rotation& out) {
  const double factor = real(p, "factor");
  const double low = real(p, "low_freq_factor");
  const double high = real(p, "high_freq_factor");
  const double length = real(p, "original_max_position_embeddings");
  for (auto& f : out.frequencies) {
    const double wave = 2 * std::numbers::pi / f;
    if (wave > length / low) {
      f /= factor;
    } else if (!(wave < length / high)) {
      const double smooth = (length / wave - low) / (high - low);
      f = (1 - smooth) * f / factor + smooth * f;
    }
  }
}

double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void yarn(const Json& p, double theta, double rotary, Rotation& out) {
  const double factor = stretch(p);
  const double length = real(p, "original_max_position_embeddings");
  const double mscale = real(p, "mscale", 0);
  const double mscale_all = real(p, "mscale_all_dim", 0);
  if (has(p, "attention_factor")) {
    out.factor = real(p, "attention_factor");
  } else if (mscale != 0 && mscale_all != 0) {
    out.factor = yarn_scale(factor, mscale) / yarn_scale(factor, mscale_all);
  } else {
    out.factor = yarn_scale(factor, 1);
  }
  const auto or_default = [&](const char* name, double value) {
    const double given = real(p, name, 0);
    return given == 0 ? value : given;
  };
  const auto channel = [&](double turns) {
    return rotary * std::log(length / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  double low = channel(or_default("beta_fast", 32));
  double high = channel(or_default("beta_slow", 1));
  if (!has(p, "truncate") || p["truncate"] != false) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, rotary - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < out.frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    out.frequencies[i] = out.frequencies[i] / factor * ramp + out.frequencies[i] * (1 - ramp);
  }
}

void longrope(const Json& p, std::int64_t tokens, Rotation& out) {
  const double length = real(p, "original_max_position_embeddings");
  const double factor = stretch(p);
  const char* const name = static_cast<double>(tokens) > length ? "long_factor" : "short_factor";
  if (!has(p, name) || !p[name].is_array() || p[name].size() != out.frequencies.size())
    throw Misfit(
        fmt::format("'{}' of the rotary parameters is no list of {} numbers", name, out.frequencies.size()));
  for (std::size_t i = 0; i < out.frequencies.size(); ++i) out.frequencies[i] /= p[name][i].get<double>();
  if (has(p, "attention_factor")) {
    out.factor = real(p, "attention_factor");
  } else if (factor > 1) {
    out.factor = std::sqrt(1 + std::log(factor) / std::log(length));
  }
}

// Only the first channels turn, each as if all did; the others' angle is 0.
Rotation proportional(const Json& p, double theta, std::int64_t width) {
  Rotation out = plain_rotation(theta, width);
  const auto turned =
      static_cast<std::size_t>(real(p, "partial_rotary_factor", 1) * static_cast<double>(width)) / 2;
  for (std::size_t i = 0; i < out.frequencies.size(); ++i)
    out.frequencies[i] = i < turned ? out.frequencies[i] / real(p, "factor", 1) : 0;
  return out;
}

}  // namespace

Rotation plain_rotation(double theta, std::int64_t rotary) {
  Rotation out;
  for (std::int64_t i = 0; 2 * i < rotary; ++i)
    out.frequencies.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary)));
  return out;
}

Rotation picture_rotation(double theta, std::int64_t width, const std::string& order) {
  if (width <= 0 || width % 4 != 0)
    throw Misfit(fmt::format("rope over rows and columns turns four channels together, not {}", width));
  const Rotation one = plain_rotation(theta, width / 2);
  Rotation out;
  const auto add = [&](double frequency, Axis axis) {
    out.frequencies.push_back(frequency);
    out.axes.push_back(axis);
  };
  if (order == "halves") {
    for (const double f : one.frequencies) add(f, Axis::kRow);
    for (const double f : one.frequencies) add(f, Axis::kColumn);
  } else if (order == "turns") {
    for (const double f : one.frequencies) add(f, Axis::kColumn), add(f, Axis::kRow);
  } else {
    throw Misfit(fmt::format("there is no order '{}' of a picture's axes: halves, turns", order));
  }
  return out;
}

std::int64_t picture_columns(std::int64_t patches) {
  auto rows = static_cast<std::int64_t>(std::sqrt(static_cast<double>(patches)));
  while (rows > 1 && patches % rows != 0) --rows;
  return patches / std::max<std::int64_t>(1, rows);
}

Rotation rotation_of(const Json& p, std::int64_t width, std::int64_t tokens) {
  if (!p.is_object()) throw Misfit("the config has no rotary parameters");
  const std::string type = has(p, "rope_type") && p["rope_type"].is_string()
                               ? p["rope_type"].get<std::string>()
                           : has(p, "type") && p["type"].is_string() ? p["type"].get<std::string>()
                                                                     : "default";
  double theta = real(p, "rope_theta");
  if (type == "proportional") return proportional(p, theta, width);
  const auto rotary =
      static_cast<std::int64_t>(static_cast<double>(width) * real(p, "partial_rotary_factor", 1));
  const auto turned = static_cast<double>(rotary);
  // Of an odd number the last pair is whole.
  if (rotary <= 0 || rotary + rotary % 2 > width)
    throw Misfit(fmt::format("rope turns {} of {} channels", rotary, width));
  if (type == "dynamic") {
    const double most = real(p, "max_position_embeddings");
    const double length = std::max(static_cast<double>(tokens), most);
    const double factor = real(p, "factor");
    theta *= std::pow(factor * length / most - (factor - 1), turned / (turned - 2));
  }
  Rotation out = plain_rotation(theta, rotary);
  if (type == "default" || type == "dynamic") return out;
  if (type == "linear") {
    for (auto& f : out.frequencies) f /= real(p, "factor");
  } else if (type == "llama3") {
    llama3(p, out);
  } else if (type == "yarn") {
    yarn(p, theta, turned, out);
  } else if (type == "longrope" || type == "su") {
    longrope(p, tokens, out);
  } else {
    throw Misfit(fmt::format("there is no rope_type '{}'", type));
  }
  return out;
}

Json rotary_parameters(const Json& config, std::int64_t layer) {
  Json out = Json::object();
  const bool by_kind = has(config, "rope_parameters") && config["rope_parameters"].is_object();
  if (by_kind) out = config["rope_parameters"];
  if (!by_kind && has(config, "rope_scaling") && config["rope_scaling"].is_object())
    out = config["rope_scaling"];
  std::string kind;
  if (has(config, "layer_types") && config["layer_types"].is_array() && layer >= 0 &&
      static_cast<std::size_t>(layer) < config["layer_types"].size() &&
      config["layer_types"][static_cast<std::size_t>(layer)].is_string())
    kind = config["layer_types"][static_cast<std::size_t>(layer)].get<std::string>();
  const bool nested =
      std::any_of(out.begin(), out.end(), [](const Json& value) { return value.is_object(); });
  if (nested) {
    if (kind.empty() || !has(out, kind.c_str())) return nullptr;
    out = Json(out[kind]);
  } else if (kind == "sliding_attention" && has(config, "rope_local_base_freq")) {
    // Gemma 3 as older files have it: windows turn by a theta of their own, without scaling.
    out = Json::object();
    out["rope_theta"] = config["rope_local_base_freq"];
  }
  const auto set = [&](const char* name, const char* from) {
    if (!has(out, name) && has(config, from)) out[name] = config[from];
  };
  set("rope_theta", "rope_theta");
  if (!has(out, "rope_theta")) set("rope_theta", "rotary_emb_base");
  if (!has(out, "rope_theta")) return nullptr;
  set("partial_rotary_factor", "partial_rotary_factor");
  if (!has(out, "partial_rotary_factor")) set("partial_rotary_factor", "rotary_pct");
  set("max_position_embeddings", "max_position_embeddings");
  if (has(config, "original_max_position_embeddings"))
    out["original_max_position_embeddings"] = config["original_max_position_embeddings"];
  set("original_max_position_embeddings", "max_position_embeddings");
  return out;
}

RotationTable::RotationTable(std::int64_t tokens, const Rotation& rotation) {
  const std::int64_t columns = picture_columns(tokens);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < rotation.frequencies.size(); ++i) {
      std::int64_t place = t;
      if (!rotation.axes.empty()) place = rotation.axes[i] == Axis::kRow ? t / columns : t % columns;
      const double angle = static_cast<double>(place) * rotation.frequencies[i];
      cos.push_back(std::cos(angle) * rotation.factor);
      sin.push_back(std::sin(angle) * rotation.factor);
    }
  }
}

}  // namespace tenon
