// Rotary embedding, and queries scaled by their position.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modules/cuda/gpu_call.h"
#include "modules/operation.h"
#include "modules/rotation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

// Which channels of x [tokens, heads, width] turn together, and by which angles.
struct Turn {
  Turn(const BoundStep& step, const Shape& shape)
      : attributes(step.attributes), rotation(rotation_by(shape)) {}

  Rotation rotation_by(const Shape& shape) const {
    if (attributes.has("picture"))
      return picture_rotation(attributes.real("theta"), shape[2], attributes.text("picture"));
    if (attributes.has("parameters")) return rotation_of(attributes.map("parameters"), shape[2], shape[0]);
    return plain_rotation(attributes.real("theta"), attributes.integer("rotary_dim", shape[2]));
  }
  bool pairs() const { return attributes.flag("interleaved"); }
  double direction() const { return attributes.flag("reverse") ? -1 : 1; }

  /// Calls use(from a, from b, to a, to b, table index) for each pair of elements that is turned by one
  /// angle.
  template <typename Use>
  void each(const Shape& shape, const Use& use) const {
    const auto half = static_cast<std::int64_t>(rotation.frequencies.size());
    const bool halves_out = attributes.flag("pairs_to_halves");
    // Some models turn the last channels of a head.
    const std::int64_t first = attributes.flag("last") ? shape[2] - 2 * half : 0;
    for (std::int64_t row = 0; row < shape[0] * shape[1]; ++row) {
      for (std::int64_t i = 0; i < half; ++i) {
        const std::int64_t base = row * shape[2] + first;
        const std::int64_t pair = base + 2 * i;
        const std::int64_t apart = base + i;
        const bool in_pairs = pairs() || halves_out;
        const bool out_pairs = pairs() && !halves_out;
        use(static_cast<std::size_t>(in_pairs ? pair : apart),
            static_cast<std::size_t>(in_pairs ? pair + 1 : apart + half),
            static_cast<std::size_t>(out_pairs ? pair : apart),
            static_cast<std::size_t>(out_pairs ? pair + 1 : apart + half),
            static_cast<std::size_t>(row / shape[1] * half + i));
      }
    }
  }

  Attributes attributes;
  Rotation rotation;
};

template <typename T>
void cpu_rope(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Turn turn(call.step, x.shape);
  const RotationTable table(x.shape[0], turn.rotation);
  const T direction = static_cast<T>(turn.direction());
  out[0].data = x.data;
  turn.each(x.shape, [&](std::size_t a, std::size_t b, std::size_t to_a, std::size_t to_b, std::size_t i) {
    const T c = static_cast<T>(table.cos[i]);
    const T s = static_cast<T>(table.sin[i]) * direction;
    out[0][to_a] = x[a] * c - x[b] * s;
    out[0][to_b] = x[b] * c + x[a] * s;
  });
}

// Runs that are judged turn by tables in FP32: each cosine and sine is off by half a unit of it.
void bound_rope(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Array<double>& bound = call.bound("x");
  const Turn turn(call.exact.step, x.shape);
  const RotationTable table(x.shape[0], turn.rotation);
  const double gamma = call.accuracy.gamma(2) + 0x1p-24;
  out[0].data = bound.data;
  const auto turned = [&](std::size_t a, std::size_t b, double along, double across) {
    const double error = along * bound[a] + across * bound[b];
    return error + gamma * (along * std::abs(x[a]) + across * std::abs(x[b]) + error) +
           0x1p-149 * (std::abs(x[a]) + std::abs(x[b]) + 2);
  };
  turn.each(x.shape, [&](std::size_t a, std::size_t b, std::size_t to_a, std::size_t to_b, std::size_t i) {
    const double c = std::abs(table.cos[i]);
    const double s = std::abs(table.sin[i]);
    out[0][to_a] = turned(a, b, c, s);
    out[0][to_b] = turned(b, a, c, s);
  });
}

std::vector<Shape> rope_shapes(const ShapeCall& c) {
  c.rank("x", 3);
  require(c.attributes.has("parameters") || c.attributes.has("theta"),
          "either theta or parameters is needed");
  require(!c.attributes.has("picture") || c.attributes.has("theta"), "a picture's rotation takes theta");
  const Turn turn(c.step, c.of("x"));
  const std::int64_t rotary = c.attributes.integer("rotary_dim", turn.rotation.rotary());
  require(rotary > 0 && rotary <= c.of("x")[2] && rotary % 2 == 0,
          "rope turns an even number of a head's channels");
  return {c.of("x")};
}

// The table is of FP32, as models' are.
bool gpu_rope(GpuCall& c) {
  if (c.attributes.flag("reverse") || c.attributes.flag("pairs_to_halves") || c.attributes.flag("last"))
    return false;
  const tenon_tensor x = c.in("x");
  const auto& table = c.tables.table(x.shape[0], Turn(c.step, c.shape_of("x")).rotation);
  c.queue(c.api().rope,
          tenon_rope_args{x, table.cos.tensor, table.sin.tensor, c.out(), c.attributes.flag("interleaved")});
  return true;
}

// Queries are scaled by their position: 1 + by * log(1 + floor((position + offset) / every)).
std::vector<double> position_factors(const Attributes& attributes, std::int64_t tokens) {
  const double by = attributes.real("by");
  const double every = attributes.real("every");
  const double offset = attributes.real("offset", 0);
  std::vector<double> out;
  for (std::int64_t t = 0; t < tokens; ++t)
    out.push_back(1 + by * std::log1p(std::floor((static_cast<double>(t) + offset) / every)));
  return out;
}

template <typename T>
void cpu_position_scale(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const auto factors = position_factors(call.attributes(), x.shape[0]);
  const std::size_t row = x.size() / factors.size();
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = x[i] * static_cast<T>(factors[i / row]);
}

void bound_position_scale(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const auto factors = position_factors(call.exact.attributes(), x.shape[0]);
  const std::size_t row = x.size() / factors.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double factor = std::abs(factors[i / row]);
    const double error = factor * call.bound("x")[i];
    out[0][i] = error + 2 * call.accuracy.u * (factor * std::abs(x[i]) + error);
  }
}

std::vector<Shape> position_scale_shapes(const ShapeCall& c) {
  require(!c.of("x").empty() && c.attributes.real("every") > 0, "'every' is not above 0");
  return {c.of("x")};
}

}  // namespace

std::vector<ModuleOperation> rotation_operations() {
  return {
      {.name = "rope",
       .parameters = {{"x", Kind::kValue},
                      {"theta", Kind::kReal, false},
                      {"parameters", Kind::kMap, false},
                      {"interleaved", Kind::kFlag, false},
                      {"pairs_to_halves", Kind::kFlag, false},
                      {"reverse", Kind::kFlag, false},
                      {"last", Kind::kFlag, false},
                      {"picture", Kind::kText, false},
                      {"rotary_dim", Kind::kInteger, false}},
       .shapes = rope_shapes,
       .cpu = {cpu_rope<double>, cpu_rope<float>, bound_rope},
       .gpu = gpu_rope,
       .role = Role::kRotation},
      {.name = "position_scale",
       .parameters =
           {{"x", Kind::kValue}, {"by", Kind::kReal}, {"every", Kind::kReal}, {"offset", Kind::kReal, false}},
       .shapes = position_scale_shapes,
       .cpu = {cpu_position_scale<double>, cpu_position_scale<float>, bound_position_scale}},
  };
}

}  // namespace tenon
