// Attention over [tokens, heads, width].

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "modules/cuda/gpu_call.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

// Which keys a query sees, and where its head's rows are.
struct Geometry {
  template <typename T>
  explicit Geometry(const Call<T>& call)
      : queries(call.value("q").shape[0]),
        heads(call.value("q").shape[1]),
        width(call.value("q").shape[2]),
        value_width(call.value("v").shape[2]),
        keys(call.value("k").shape[0]),
        kv_heads(call.value("k").shape[1]),
        causal(call.attributes().flag("causal", true)),
        window(call.attributes().integer("window", 0)),
        chunk(call.attributes().integer("chunk", 0)),
        cap(call.attributes().real("softcap", 0)),
        block(call.attributes().integer("block", 0)),
        sinks(numbers_of(call.weight("sinks"))),
        scale(call.attributes().real("scale", 1 / std::sqrt(static_cast<double>(width)))) {}
  std::int64_t end(std::int64_t t) const { return causal ? t + keys - queries + 1 : keys; }
  std::int64_t begin(std::int64_t t) const {
    const std::int64_t at = t + keys - queries;
    if (chunk > 0) return at / chunk * chunk;
    return window > 0 ? std::max<std::int64_t>(0, at + 1 - window) : 0;
  }
  /// Does the head see this key, among those from begin to end? `blocks` [tokens, groups * kept] names those
  /// it keeps.
  template <typename T>
  bool sees(const Call<T>& call, std::int64_t t, std::int64_t h, std::int64_t s) const {
    if (block == 0) return true;
    const Array<T>& blocks = call.value("blocks");
    const std::int64_t groups = call.attributes().integer("groups");
    const std::int64_t kept = blocks.shape[1] / groups;
    const auto first = blocks.data.begin() + t * blocks.shape[1] + h / (heads / groups) * kept;
    const std::int64_t number = s / block;
    return std::find(first, first + kept, static_cast<T>(number)) != first + kept;
  }
  std::size_t query(std::int64_t t, std::int64_t h) const {
    return static_cast<std::size_t>((t * heads + h) * width);
  }
  std::size_t key(std::int64_t s, std::int64_t h) const {
    return static_cast<std::size_t>((s * kv_heads + h / (heads / kv_heads)) * width);
  }
  std::size_t result(std::int64_t t, std::int64_t h) const {
    return static_cast<std::size_t>((t * heads + h) * value_width);
  }
  std::size_t value(std::int64_t s, std::int64_t h) const {
    return static_cast<std::size_t>((s * kv_heads + h / (heads / kv_heads)) * value_width);
  }
  /// Of scores: cap tanh(score / cap), whose slope is at most 1.
  template <typename T>
  T capped(T score) const {
    return cap > 0 ? static_cast<T>(cap) * std::tanh(score / static_cast<T>(cap)) : score;
  }

  std::int64_t queries, heads, width, value_width, keys, kv_heads;
  bool causal;
  /// How many keys a query sees at most, itself among them; 0: all.
  std::int64_t window;
  /// Queries see keys of their own chunk alone; 0: all.
  std::int64_t chunk;
  double cap;
  /// Keys are seen by blocks of so many; 0: all of them.
  std::int64_t block;
  /// A score for each head that takes part in the softmax and has no value; empty: none.
  std::vector<float> sinks;
  double scale;
};

// What stands beside the keys, one number for each of a key's heads, is added to its scores.
template <typename T>
T beside(const Array<T>& numbers, const Geometry& g, std::int64_t s, std::int64_t h) {
  return numbers[static_cast<std::size_t>(s * g.kv_heads + h / (g.heads / g.kv_heads))];
}

// The softmax of one query's scores over the keys begin..end; of those that it does not see 0.
template <typename T>
void weights_of(const Call<T>& call, const Geometry& g, std::int64_t t, std::int64_t h,
                std::vector<T>& weights) {
  const Array<T>& q = call.value("q");
  const Array<T>& k = call.value("k");
  weights.clear();
  for (std::int64_t s = g.begin(t); s < g.end(t); ++s) {
    T score = 0;
    for (std::size_t c = 0; c < static_cast<std::size_t>(g.width); ++c)
      score += q[g.query(t, h) + c] * k[g.key(s, h) + c];
    weights.push_back(g.capped(score * static_cast<T>(g.scale)));
    if (call.count("key_scores") > 0) weights.back() += beside(call.value("key_scores"), g, s, h);
    if (!g.sees(call, t, h, s)) weights.back() = -std::numeric_limits<T>::infinity();
  }
  T highest = *std::max_element(weights.begin(), weights.end());
  const T sink = g.sinks.empty() ? T{0} : static_cast<T>(g.sinks[static_cast<std::size_t>(h)]);
  if (!g.sinks.empty()) highest = std::max(highest, sink);
  T sum = g.sinks.empty() ? T{0} : std::exp(sink - highest);
  for (auto& weight : weights) sum += weight = std::exp(weight - highest);
  for (auto& weight : weights) weight /= sum;
}

template <typename T>
void cpu_attention(const Call<T>& call, std::vector<Array<T>>& out) {
  const Geometry g(call);
  const Array<T>& v = call.value("v");
  std::vector<T> weights;
  for (std::int64_t t = 0; t < g.queries; ++t) {
    for (std::int64_t h = 0; h < g.heads; ++h) {
      weights_of(call, g, t, h, weights);
      for (std::size_t c = 0; c < static_cast<std::size_t>(g.value_width); ++c) {
        T sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i)
          sum += weights[i] * v[g.value(g.begin(t) + static_cast<std::int64_t>(i), h) + c];
        out[0][g.result(t, h) + c] = sum;
      }
    }
  }
}

// A score's error moves its softmax weight by at most the factor exp(own error + largest error):
// docs/parity.md, "Attention". Weights may be rounded to the format before they meet v.
void bound_attention(const BoundCall& call, std::vector<Array<double>>& out) {
  const Geometry g(call.exact);
  const Array<double>& q = call.exact.value("q");
  const Array<double>& k = call.exact.value("k");
  const Array<double>& v = call.exact.value("v");
  const Array<double>& q_bound = call.bound("q");
  const Array<double>& k_bound = call.bound("k");
  const Array<double>& v_bound = call.bound("v");
  const double gamma = call.accuracy.gamma(static_cast<double>(g.width) + 2);
  const auto width = static_cast<std::size_t>(g.width);
  std::vector<double> weights;
  std::vector<double> errors;
  for (std::int64_t t = 0; t < g.queries; ++t) {
    for (std::int64_t h = 0; h < g.heads; ++h) {
      weights_of(call.exact, g, t, h, weights);
      errors.assign(weights.size(), 0);
      double highest_score = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::int64_t place = g.begin(t) + static_cast<std::int64_t>(i);
        if (!g.sees(call.exact, t, h, place)) continue;
        const std::size_t key = g.key(place, h);
        const std::size_t query = g.query(t, h);
        double reach = 0;
        for (std::size_t c = 0; c < width; ++c) {
          const double a = std::abs(q[query + c]) + q_bound[query + c];
          const double b = std::abs(k[key + c]) + k_bound[key + c];
          errors[i] += a * k_bound[key + c] + q_bound[query + c] * std::abs(k[key + c]);
          reach += a * b;
        }
        errors[i] = std::abs(g.scale) * (errors[i] + gamma * reach);
        if (g.cap > 0)
          errors[i] += (call.accuracy.functions + 4 * call.accuracy.u) * (std::abs(g.scale) * reach);
        double size = std::abs(g.scale) * reach;
        if (call.exact.count("key_scores") > 0) {
          const double error = beside(call.bound("key_scores"), g, place, h);
          size += std::abs(beside(call.exact.value("key_scores"), g, place, h)) + error;
          errors[i] += error + 2 * call.accuracy.u * size;
        }
        highest_score = std::max(highest_score, size);
      }
      if (!g.sinks.empty())
        highest_score =
            std::max(highest_score, std::abs(static_cast<double>(g.sinks[static_cast<std::size_t>(h)])));
      // The subtraction of the highest score, and the exponential's own error, which grows with its argument.
      const double exponential = 2 * call.accuracy.u * (2 * highest_score) + call.accuracy.functions;
      const double largest = errors.empty() ? 0 : *std::max_element(errors.begin(), errors.end());
      const double sums = call.accuracy.gamma(2 * static_cast<double>(weights.size()) + 8);
      for (std::size_t c = 0; c < static_cast<std::size_t>(g.value_width); ++c) {
        double error = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const std::size_t value = g.value(g.begin(t) + static_cast<std::int64_t>(i), h) + c;
          const double size = std::abs(v[value]) + v_bound[value];
          const double moved = std::expm1(errors[i] + largest + 2 * exponential + 2 * sums) +
                               call.accuracy.out * std::exp(errors[i] + largest + 2 * exponential);
          error += weights[i] * (moved * size + v_bound[value] + sums * (1 + moved) * size);
          // A weight that underflows in the format, or whose exponential does in FP32.
          error += (call.accuracy.tiny + 0x1p-126) * size;
        }
        out[0][g.result(t, h) + c] = error;
      }
    }
  }
}

// What the second half of the heads saw is taken from the first's, by one factor: exp(q1 . k1) - exp(q2 . k2)
// + init.
struct Difference {
  template <typename T>
  explicit Difference(const Call<T>& call) {
    for (const auto& [q, k, sign] : {std::tuple{"q1", "k1", 1.0}, std::tuple{"q2", "k2", -1.0}}) {
      const auto a = numbers_of(call.weight(q));
      const auto b = numbers_of(call.weight(k));
      double dot = 0;
      double reach = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        dot += static_cast<double>(a[i]) * b[i];
        reach += std::abs(static_cast<double>(a[i]) * b[i]);
      }
      factor += sign * std::exp(dot);
      // Of FP32: the sum of products, and the exponential with what its argument is off by.
      error += std::exp(dot) * (std::expm1(reach * static_cast<double>(a.size() + 2) * 0x1p-22) + 0x1p-19);
    }
    factor += call.attributes().real("init");
    error += (std::abs(factor) + 1) * 0x1p-22;
  }
  double factor = 0, error = 0;
};

template <typename T>
void cpu_subtract_heads(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const T factor = static_cast<T>(Difference(call).factor);
  const auto half = static_cast<std::size_t>(x.shape[1] / 2 * x.shape[2]);
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const std::size_t at = i / half * 2 * half + i % half;
    out[0][i] = x[at] - factor * x[at + half];
  }
}

void bound_subtract_heads(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Array<double>& bound = call.bound("x");
  const Difference difference(call.exact);
  const double factor = std::abs(difference.factor);
  const auto half = static_cast<std::size_t>(x.shape[1] / 2 * x.shape[2]);
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const std::size_t at = i / half * 2 * half + i % half;
    const double size = std::abs(x[at + half]) + bound[at + half];
    const double error = bound[at] + factor * bound[at + half] + difference.error * size;
    out[0][i] = error + call.accuracy.gamma(2) * (std::abs(x[at]) + factor * size + error);
  }
}

std::vector<Shape> subtract_heads_shapes(const ShapeCall& c) {
  c.rank("x", 3);
  require(c.of("x")[1] % 2 == 0, "the heads cannot be cut into two halves");
  for (const auto& [q, k] : {std::pair{"q1", "k1"}, std::pair{"q2", "k2"}}) {
    c.rank(q, 1);
    c.vector_of(k, c.of(q)[0]);
  }
  return {{c.of("x")[0], c.of("x")[1] / 2, c.of("x")[2]}};
}

std::vector<Shape> attention_shapes(const ShapeCall& c) {
  for (const char* const operand : {"q", "k", "v"}) c.rank(operand, 3);
  const Shape& q = c.of("q");
  const Shape& k = c.of("k");
  const Shape& v = c.of("v");
  require(k[0] == v[0] && k[1] == v[1], "k and v differ in their tokens or heads");
  require(q[2] == k[2] && k[1] > 0 && q[1] % k[1] == 0 && k[0] >= q[0],
          fmt::format("q {} does not fit k {}", to_string(q), to_string(k)));
  c.vector_of("sinks", q[1]);
  require(c.has("blocks") == (c.attributes.integer("block", 0) > 0), "blocks go with the size of a block");
  if (c.has("blocks")) {
    const std::int64_t groups = c.attributes.integer("groups");
    require(groups > 0 && q[1] % groups == 0 && c.of("blocks").size() == 2 && c.of("blocks")[0] == q[0] &&
                c.of("blocks")[1] % groups == 0,
            fmt::format("blocks {} do not fit q {}", to_string(c.of("blocks")), to_string(q)));
  }
  require(!c.has("key_scores") || c.of("key_scores") == Shape{k[0], k[1]},
          "there is a score for each head of a key");
  const std::int64_t most = c.attributes.integer("most_keys", 0);
  require(most == 0 || k[0] <= most, fmt::format("over {} keys some are left out, by their scores", most));
  return {{q[0], q[1], v[2]}};
}

bool gpu_attention(GpuCall& c) {
  const tenon_tensor q = c.in("q");
  if (c.has("sinks") || c.has("blocks") || c.has("key_scores") || c.attributes.integer("chunk", 0) > 0 ||
      c.attributes.real("softcap", 0) > 0 || c.shape_of("k") != c.shape_of("v"))
    return false;
  c.queue(c.api().attention,
          tenon_attention_args{q, c.in("k"), c.in("v"), c.out(),
                               c.attributes.real("scale", 1 / std::sqrt(static_cast<double>(q.shape[2]))),
                               c.attributes.flag("causal", true), c.attributes.integer("window", 0), 0});
  return true;
}

}  // namespace

std::vector<ModuleOperation> attention_operations() {
  return {
      {.name = "attention",
       .parameters = {{"q", Kind::kValue},
                      {"k", Kind::kValue},
                      {"v", Kind::kValue},
                      {"sinks", Kind::kWeight, false},
                      {"scale", Kind::kReal, false},
                      {"causal", Kind::kFlag, false},
                      {"window", Kind::kInteger, false},
                      {"chunk", Kind::kInteger, false},
                      {"softcap", Kind::kReal, false},
                      {"key_scores", Kind::kValue, false},
                      {"most_keys", Kind::kInteger, false},
                      {"blocks", Kind::kValue, false},
                      {"block", Kind::kInteger, false},
                      {"groups", Kind::kInteger, false}},
       .shapes = attention_shapes,
       .cpu = {cpu_attention<double>, cpu_attention<float>, bound_attention},
       .gpu = gpu_attention},
      {.name = "subtract_heads",
       .parameters = {{"x", Kind::kValue},
                      {"q1", Kind::kWeight},
                      {"k1", Kind::kWeight},
                      {"q2", Kind::kWeight},
                      {"k2", Kind::kWeight},
                      {"init", Kind::kReal}},
       .shapes = subtract_heads_shapes,
       .cpu = {cpu_subtract_heads<double>, cpu_subtract_heads<float>, bound_subtract_heads}},
  };
}

}  // namespace tenon
