// The angles of rotary embedding: frequencies by the type that a config names, in FP64.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tenon {

enum class Axis { kRow, kColumn };

struct Rotation {
  /// Turns a token, one for each pair of channels.
  std::vector<double> frequencies;
  /// What cosines and sines are multiplied by.
  double factor = 1;
  /// Of a picture's patches: by what each frequency turns, a patch's row or its column; empty: by the token's
  /// position.
  std::vector<Axis> axes = {};

  std::int64_t rotary() const { return 2 * static_cast<std::int64_t>(frequencies.size()); }
};

/// theta^(-2 i / rotary), for every i below half of rotary.
Rotation plain_rotation(double theta, std::int64_t rotary);

/// Patches of a picture, by row and column; the frequencies are those of half the width, each taken for both.
/// `order`: halves (those of the rows first) or turns (a column's and a row's in turn). Throws Misfit.
Rotation picture_rotation(double theta, std::int64_t width, const std::string& order);

/// The columns of a picture of this many patches, in rows: as near to a square as they fill.
std::int64_t picture_columns(std::int64_t patches);

/// By parameters as configs have them: rope_type (default, linear, dynamic, llama3, yarn, longrope,
/// proportional), rope_theta, partial_rotary_factor and what the type needs, for heads of `width` channels
/// and this many tokens. Throws Misfit: an unknown type, a missing parameter.
Rotation rotation_of(const nlohmann::ordered_json& parameters, std::int64_t width, std::int64_t tokens);

/// The rotary parameters of one layer of a config, in the form that rotation_of() takes: of rope_parameters
/// (by kind of layer or one for all), or of rope_theta, rope_scaling and partial_rotary_factor as older files
/// have them. Null where the config has none.
nlohmann::ordered_json rotary_parameters(const nlohmann::ordered_json& config, std::int64_t layer);

/// cos and sin of position * frequency (of row or column * frequency), times the factor.
struct RotationTable {
  RotationTable(std::int64_t tokens, const Rotation& rotation);
  /// [tokens, rotary / 2]
  std::vector<double> cos, sin;
};

}  // namespace tenon
