// Two experts, one chosen after the other.

#include <algorithm>
#include <cmath>
#include <optional>

#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

// PhiMoE: the best expert, then the best of the others; each one's weight is its softmax over those of its
// round whose logit is near the best: (best - logit) / max(|logit|, best) <= 2 jitter.
struct Round {
  std::size_t best = 0;
  double weight = 0, error = 0;
};

template <typename T>
Round round_of(const T* logits, const double* bound, std::size_t n, double jitter, std::size_t without,
               std::optional<std::size_t> forced) {
  Round out;
  std::size_t best = n;
  for (std::size_t e = 0; e < n; ++e) {
    if (e != without && (best == n || logits[e] > logits[best])) best = e;
  }
  out.best = forced.value_or(best);
  // Against the highest logit, so that a forced runner-up has the softmax that its run took about.
  double sum = 0, doubtful = 0, largest = 0;
  const double top = logits[out.best];
  for (std::size_t e = 0; e < n; ++e) {
    if (e == without) continue;
    const double logit = logits[e];
    const double size = std::max(std::abs(logit), top);
    const double distance = (top - logit) / size;
    const double share = std::exp(logit - top);
    const bool near = !(distance > 2 * jitter);
    if (near) sum += share;
    if (bound == nullptr) continue;
    const double slack = size > 0 ? 4 * (bound[e] + bound[out.best]) / size + 0x1p-20 : 1;
    if (std::abs(distance - 2 * jitter) <= slack) doubtful += share;
    largest = std::max(largest, bound[e]);
  }
  out.weight = 1 / sum;
  if (bound != nullptr) out.error = out.weight * (std::expm1(bound[out.best] + largest) + doubtful + 0x1p-18);
  return out;
}

template <typename T>
void cpu_route_near(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& logits = call.value("logits");
  const auto n = static_cast<std::size_t>(logits.columns());
  const double jitter = call.attributes().real("jitter");
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    std::size_t before = n;
    for (std::size_t j = 0; j < 2; ++j) {
      std::optional<std::size_t> forced;
      if (call.forced != nullptr) forced = static_cast<std::size_t>(call.forced->at(2 * t + j));
      const Round round = round_of(logits.data.data() + t * n, nullptr, n, jitter, before, forced);
      out[0][2 * t + j] = static_cast<T>(round.best);
      out[1][2 * t + j] = static_cast<T>(round.weight);
      before = round.best;
    }
  }
}

void bound_route_near(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& logits = call.exact.value("logits");
  const auto n = static_cast<std::size_t>(logits.columns());
  const double jitter = call.exact.attributes().real("jitter");
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    const double* const row = logits.data.data() + t * n;
    const double* const bound = call.bound("logits").data.data() + t * n;
    std::size_t before = n;
    for (std::size_t j = 0; j < 2; ++j) {
      const auto chosen = static_cast<std::size_t>(call.results[0][2 * t + j]);
      for (std::size_t e = 0; e < n; ++e) {
        if (e != before && row[e] - bound[e] > row[chosen] + bound[chosen]) *call.admissible = false;
      }
      if (chosen == before) *call.admissible = false;
      out[0][2 * t + j] = 0;
      out[1][2 * t + j] = round_of(row, bound, n, jitter, before, std::optional(chosen)).error;
      before = chosen;
    }
  }
}

std::vector<Shape> route_near_shapes(const ShapeCall& c) {
  c.rank("logits", 2);
  require(c.of("logits")[1] >= 2, "two experts are chosen");
  return {{c.of("logits")[0], 2}, {c.of("logits")[0], 2}};
}

}  // namespace

std::vector<ModuleOperation> near_routing_operations() {
  return {
      {.name = "route_near",
       .parameters = {{"logits", Kind::kValue}, {"jitter", Kind::kReal}},
       .outputs = 2,
       .shapes = route_near_shapes,
       .cpu = {cpu_route_near<double>, cpu_route_near<float>, bound_route_near},
       .role = Role::kRoute,
       .integers = 0},
  };
}

}  // namespace tenon
