// Rotary embedding and attention.
#include <algorithm>

#include "parity/cpu_operations.h"

namespace tenon {
namespace {

// Calls use(a, b, table index) for each pair of elements of x [T, heads, D] that is turned by one angle.
template <typename Use>
void for_each_pair(const BoundStep& step, const Shape& shape, std::int64_t rotary, const Use& use) {
  const bool interleaved = Attributes(step.attributes).flag("interleaved");
  for (std::int64_t row = 0; row < shape[0] * shape[1]; ++row) {
    for (std::int64_t i = 0; i < rotary / 2; ++i) {
      const std::int64_t first = row * shape[2] + (interleaved ? 2 * i : i);
      const std::int64_t second = first + (interleaved ? 1 : rotary / 2);
      use(static_cast<std::size_t>(first), static_cast<std::size_t>(second),
          static_cast<std::size_t>(row / shape[1] * (rotary / 2) + i));
    }
  }
}

std::int64_t rotary_of(const BoundStep& step, const Shape& shape) {
  return Attributes(step.attributes).integer("rotary_dim", shape[2]);
}

RopeTable table_of(const BoundStep& step, const Shape& shape) {
  return {shape[0], rotary_of(step, shape), Attributes(step.attributes).real("theta")};
}

// Which keys a query sees, and where its head's rows are.
struct Geometry {
  template <typename T>
  explicit Geometry(const Call<T>& call)
      : queries(call.value("q").shape[0]),
        heads(call.value("q").shape[1]),
        width(call.value("q").shape[2]),
        keys(call.value("k").shape[0]),
        kv_heads(call.value("k").shape[1]),
        causal(call.attributes().flag("causal", true)),
        window(call.attributes().integer("window", 0)),
        scale(call.attributes().real("scale", 1 / std::sqrt(static_cast<double>(width)))) {}
  std::int64_t end(std::int64_t t) const { return causal ? t + keys - queries + 1 : keys; }
  std::int64_t begin(std::int64_t t) const {
    return window > 0 ? std::max<std::int64_t>(0, t + keys - queries + 1 - window) : 0;
  }
  std::size_t query(std::int64_t t, std::int64_t h) const {
    return static_cast<std::size_t>((t * heads + h) * width);
  }
  std::size_t key(std::int64_t s, std::int64_t h) const {
    return static_cast<std::size_t>((s * kv_heads + h / (heads / kv_heads)) * width);
  }

  std::int64_t queries, heads, width, keys, kv_heads;
  bool causal;
  std::int64_t window;
  double scale;
};

// The softmax of one query's scores over the keys begin..end.
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
    weights.push_back(score * static_cast<T>(g.scale));
  }
  const T highest = *std::max_element(weights.begin(), weights.end());
  T sum = 0;
  for (auto& weight : weights) sum += weight = std::exp(weight - highest);
  for (auto& weight : weights) weight /= sum;
}

}  // namespace

RopeTable::RopeTable(std::int64_t tokens, std::int64_t rotary, double theta) {
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t i = 0; i < rotary / 2; ++i) {
      const double angle = static_cast<double>(t) *
                           std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary));
      cos.push_back(static_cast<float>(std::cos(angle)));
      sin.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

template <typename T>
void cpu_rope(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const RopeTable table = table_of(call.step, x.shape);
  out[0].data = x.data;
  for_each_pair(call.step, x.shape, rotary_of(call.step, x.shape),
                [&](std::size_t a, std::size_t b, std::size_t i) {
                  const T c = table.cos[i];
                  const T s = table.sin[i];
                  out[0][a] = x[a] * c - x[b] * s;
                  out[0][b] = x[b] * c + x[a] * s;
                });
}
template void cpu_rope(const Call<float>&, std::vector<Array<float>>&);
template void cpu_rope(const Call<double>&, std::vector<Array<double>>&);

void bound_rope(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Array<double>& bound = call.bound("x");
  const RopeTable table = table_of(call.exact.step, x.shape);
  const double gamma = call.accuracy.gamma(2);
  out[0].data = bound.data;
  const auto turned = [&](std::size_t a, std::size_t b, double along, double across) {
    const double error = along * bound[a] + across * bound[b];
    return error + gamma * (along * std::abs(x[a]) + across * std::abs(x[b]) + error);
  };
  for_each_pair(call.exact.step, x.shape, rotary_of(call.exact.step, x.shape),
                [&](std::size_t a, std::size_t b, std::size_t i) {
                  const double c = std::abs(static_cast<double>(table.cos[i]));
                  const double s = std::abs(static_cast<double>(table.sin[i]));
                  out[0][a] = turned(a, b, c, s);
                  out[0][b] = turned(b, a, c, s);
                });
}

template <typename T>
void cpu_attention(const Call<T>& call, std::vector<Array<T>>& out) {
  const Geometry g(call);
  const Array<T>& v = call.value("v");
  std::vector<T> weights;
  for (std::int64_t t = 0; t < g.queries; ++t) {
    for (std::int64_t h = 0; h < g.heads; ++h) {
      weights_of(call, g, t, h, weights);
      for (std::size_t c = 0; c < static_cast<std::size_t>(g.width); ++c) {
        T sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i)
          sum += weights[i] * v[g.key(g.begin(t) + static_cast<std::int64_t>(i), h) + c];
        out[0][g.query(t, h) + c] = sum;
      }
    }
  }
}
template void cpu_attention(const Call<float>&, std::vector<Array<float>>&);
template void cpu_attention(const Call<double>&, std::vector<Array<double>>&);

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
        const std::size_t key = g.key(g.begin(t) + static_cast<std::int64_t>(i), h);
        const std::size_t query = g.query(t, h);
        double reach = 0;
        for (std::size_t c = 0; c < width; ++c) {
          const double a = std::abs(q[query + c]) + q_bound[query + c];
          const double b = std::abs(k[key + c]) + k_bound[key + c];
          errors[i] += a * k_bound[key + c] + q_bound[query + c] * std::abs(k[key + c]);
          reach += a * b;
        }
        errors[i] = std::abs(g.scale) * (errors[i] + gamma * reach);
        highest_score = std::max(highest_score, std::abs(g.scale) * reach);
      }
      // The subtraction of the highest score, and the exponential's own error, which grows with its argument.
      const double exponential = 2 * call.accuracy.u * (2 * highest_score) + call.accuracy.functions;
      const double largest = errors.empty() ? 0 : *std::max_element(errors.begin(), errors.end());
      const double sums = call.accuracy.gamma(2 * static_cast<double>(weights.size()) + 8);
      for (std::size_t c = 0; c < width; ++c) {
        double error = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const std::size_t value = g.key(g.begin(t) + static_cast<std::int64_t>(i), h) + c;
          const double size = std::abs(v[value]) + v_bound[value];
          const double moved = std::expm1(errors[i] + largest + 2 * exponential + 2 * sums) +
                               call.accuracy.out * std::exp(errors[i] + largest + 2 * exponential);
          error += weights[i] * (moved * size + v_bound[value] + sums * (1 + moved) * size);
          // A weight that underflows in the format, or whose exponential does in FP32.
          error += (call.accuracy.tiny + 0x1p-126) * size;
        }
        out[0][g.query(t, h) + c] = error;
      }
    }
  }
}

}  // namespace tenon
