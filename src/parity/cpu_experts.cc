// Top-k routing, and experts one by one, whether they are a list of weights or one stack.
#include <algorithm>
#include <numeric>
#include <optional>

#include "parity/cpu_operations.h"

namespace tenon {
namespace {

struct Routing {
  explicit Routing(const BoundStep& step, std::int64_t experts_)
      : experts(static_cast<std::size_t>(experts_)) {
    const Attributes a(step.attributes);
    k = static_cast<std::size_t>(a.integer("k"));
    groups = static_cast<std::size_t>(a.integer("groups", 1));
    groups_kept = static_cast<std::size_t>(a.integer("groups_kept", static_cast<std::int64_t>(groups)));
    sigmoid = a.text("scoring", "softmax") == "sigmoid";
    normalise = a.flag("normalise");
    group_top2 = a.flag("group_top2");
    scale = a.real("scale", 1);
  }
  std::size_t experts, k, groups, groups_kept;
  bool sigmoid, normalise, group_top2;
  double scale;
};

template <typename T>
std::vector<T> scores_of(const Routing& r, const T* logits) {
  std::vector<T> out(logits, logits + r.experts);
  if (r.sigmoid) {
    for (auto& score : out) score = 1 / (1 + std::exp(-score));
    return out;
  }
  const T highest = *std::max_element(out.begin(), out.end());
  T sum = 0;
  for (auto& score : out) sum += score = std::exp(score - highest);
  for (auto& score : out) score /= sum;
  return out;
}

// The places of the highest values, highest first; of equals the lower place.
template <typename T>
std::vector<std::size_t> highest(const std::vector<T>& values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(count);
  return order;
}

template <typename T>
std::vector<T> group_worths(const Routing& r, const std::vector<T>& choice) {
  const std::size_t size = r.experts / r.groups;
  std::vector<T> worth;
  for (std::size_t g = 0; g < r.groups; ++g) {
    std::vector<T> members(choice.begin() + static_cast<std::ptrdiff_t>(g * size),
                           choice.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    std::sort(members.begin(), members.end(), std::greater<>());
    worth.push_back(r.group_top2 && size > 1 ? members[0] + members[1] : members[0]);
  }
  return worth;
}

template <typename T>
std::vector<std::size_t> choose(const Routing& r, std::vector<T> choice) {
  if (r.groups_kept < r.groups) {
    const auto kept = highest(group_worths(r, choice), r.groups_kept);
    const std::size_t size = r.experts / r.groups;
    for (std::size_t e = 0; e < r.experts; ++e) {
      if (std::find(kept.begin(), kept.end(), e / size) == kept.end())
        choice[e] = -std::numeric_limits<T>::infinity();
    }
  }
  return highest(choice, r.k);
}

template <typename T>
std::vector<T> choice_of(const std::vector<T>& scores, const std::vector<float>& correction) {
  std::vector<T> out = scores;
  for (std::size_t e = 0; e < correction.size(); ++e) out[e] += static_cast<T>(correction[e]);
  return out;
}

// Could rounding have led to these experts? Within the groups that hold them, no expert left out is better by
// more than the bounds allow; and no group left out is.
bool could_choose(const Routing& r, const std::vector<double>& choice, const std::vector<double>& bounds,
                  const int* chosen) {
  const std::size_t size = r.experts / r.groups;
  std::vector<bool> taken(r.experts), open(r.groups, r.groups_kept == r.groups);
  for (std::size_t j = 0; j < r.k; ++j) {
    const auto e = static_cast<std::size_t>(chosen[j]);
    if (e >= r.experts || taken[e]) return false;
    taken[e] = open[e / size] = true;
  }
  double worst_taken = std::numeric_limits<double>::infinity();
  for (std::size_t e = 0; e < r.experts; ++e) {
    if (taken[e]) worst_taken = std::min(worst_taken, choice[e] + bounds[e]);
  }
  for (std::size_t e = 0; e < r.experts; ++e) {
    if (!taken[e] && open[e / size] && choice[e] - bounds[e] > worst_taken) return false;
  }
  if (r.groups_kept == r.groups) return true;
  const auto worth = group_worths(r, choice);
  const double slack = 2 * *std::max_element(bounds.begin(), bounds.end());
  const auto by_worth = highest(worth, r.groups_kept);
  for (std::size_t g = 0; g < r.groups; ++g) {
    if (open[g] && worth[g] + 2 * slack < worth[by_worth.back()]) return false;
  }
  return true;
}

// The weights of one expert; no gate: act(x up) down.
struct Expert {
  std::optional<Matrix> gate;
  Matrix up, down;
};

// Matrix e of a stack.
Matrix layer_of_stack(const Weight& stack, std::int64_t e, bool transposed) {
  const std::int64_t rows = stack.shape()[1];
  const std::int64_t columns = stack.shape()[2];
  const std::int64_t first = e * rows * columns;
  if (transposed) return {&stack, first, columns, rows, 1, columns};
  return {&stack, first, rows, columns, columns, 1};
}

template <typename T>
std::vector<Expert> separate_stacks_of(const Call<T>& call) {
  const bool transposed = call.attributes().flag("transposed");
  const Weight* const gate = call.weight("gate");
  std::vector<Expert> out;
  for (std::int64_t e = 0; e < call.weight("up")->shape()[0]; ++e) {
    out.push_back({std::nullopt, layer_of_stack(*call.weight("up"), e, transposed),
                   layer_of_stack(*call.weight("down"), e, transposed)});
    if (gate != nullptr) out.back().gate = layer_of_stack(*gate, e, transposed);
  }
  return out;
}

template <typename T>
std::vector<Expert> experts_of(const Call<T>& call) {
  std::vector<Expert> out;
  const auto whole = [](const Weight& w) {
    return Matrix{&w, 0, w.shape()[0], w.shape()[1], w.shape()[1], 1};
  };
  if (call.step.operation == "experts") {
    for (std::size_t e = 0; e < call.count("up"); ++e) {
      out.push_back({std::nullopt, whole(*call.weight("up", e)), whole(*call.weight("down", e))});
      if (const auto* const gate = call.weight("gate", e)) out.back().gate = whole(*gate);
    }
    return out;
  }
  if (call.count("gate_up") == 0) return separate_stacks_of(call);
  const Weight& gate_up = *call.weight("gate_up");
  const Weight& down = *call.weight("down");
  const bool transposed = call.attributes().flag("transposed");
  const bool interleaved = call.attributes().flag("interleaved");
  const std::int64_t hidden = gate_up.shape()[transposed ? 1 : 2];
  const std::int64_t inner = gate_up.shape()[transposed ? 2 : 1] / 2;
  // Strides of one expert's output rows and of its inputs.
  const std::int64_t row = transposed ? 1 : hidden;
  const std::int64_t column = transposed ? 2 * inner : 1;
  for (std::int64_t e = 0; e < gate_up.shape()[0]; ++e) {
    const std::int64_t first = e * 2 * inner * hidden;
    const std::int64_t second = first + (interleaved ? 1 : inner) * row;
    const std::int64_t step = interleaved ? 2 * row : row;
    const std::int64_t last = e * hidden * inner;
    out.push_back({Matrix{&gate_up, first, inner, hidden, step, column},
                   {&gate_up, second, inner, hidden, step, column},
                   {&down, last, hidden, inner, transposed ? 1 : inner, transposed ? hidden : 1}});
  }
  return out;
}

// (token, choice) pairs of one expert.
template <typename T>
std::vector<std::vector<std::size_t>> pairs_by_expert(const Array<T>& indices, std::size_t experts) {
  std::vector<std::vector<std::size_t>> out(experts);
  for (std::size_t i = 0; i < indices.size(); ++i) out.at(static_cast<std::size_t>(indices[i])).push_back(i);
  return out;
}

template <typename T>
std::vector<T> rows_of(const Array<T>& x, const std::vector<std::size_t>& pairs, std::size_t k) {
  const auto width = static_cast<std::size_t>(x.columns());
  std::vector<T> out(pairs.size() * width);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(pairs[i] / k * width), width,
                out.begin() + static_cast<std::ptrdiff_t>(i * width));
  return out;
}

}  // namespace

template <typename T>
void cpu_route(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& logits = call.value("logits");
  const Routing r(call.step, logits.columns());
  const auto correction = numbers_of(call.weight("correction"));
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    const auto scores = scores_of(r, logits.data.data() + t * r.experts);
    std::vector<std::size_t> chosen;
    if (call.forced != nullptr) {
      for (std::size_t j = 0; j < r.k; ++j)
        chosen.push_back(static_cast<std::size_t>(call.forced->at(t * r.k + j)));
    } else {
      chosen = choose(r, choice_of(scores, correction));
    }
    T sum = 0;
    for (const auto e : chosen) sum += scores.at(e);
    for (std::size_t j = 0; j < r.k; ++j) {
      const T weight = r.normalise ? scores[chosen[j]] / sum : scores[chosen[j]];
      out[0][t * r.k + j] = static_cast<T>(chosen[j]);
      out[1][t * r.k + j] = weight * static_cast<T>(r.scale);
    }
  }
}
template void cpu_route(const Call<float>&, std::vector<Array<float>>&);
template void cpu_route(const Call<double>&, std::vector<Array<double>>&);

void bound_route(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& logits = call.exact.value("logits");
  const Routing r(call.exact.step, logits.columns());
  const auto correction = numbers_of(call.exact.weight("correction"));
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    const double* const row = logits.data.data() + t * r.experts;
    const double* const bound = call.bound("logits").data.data() + t * r.experts;
    const double largest = *std::max_element(bound, bound + r.experts);
    double size = 0;
    for (std::size_t e = 0; e < r.experts; ++e) size = std::max(size, std::abs(row[e]) + bound[e]);
    // Relative error of a score, as for a softmax's weights; a sigmoid moves less than its logit.
    const double own = call.accuracy.functions + 4 * call.accuracy.u * size +
                       call.accuracy.gamma(static_cast<double>(r.experts) + 4);
    const auto scores = scores_of(r, row);
    std::vector<double> errors(r.experts);
    for (std::size_t e = 0; e < r.experts; ++e)
      errors[e] = scores[e] * (std::expm1(bound[e] + largest + own) + own);
    const auto choice = choice_of(scores, correction);
    std::vector<double> choice_errors = errors;
    for (std::size_t e = 0; e < r.experts; ++e) choice_errors[e] += call.accuracy.u * std::abs(choice[e]);
    std::vector<int> chosen;
    double sum = 0;
    double sum_error = 0;
    for (std::size_t j = 0; j < r.k; ++j) {
      chosen.push_back(static_cast<int>(call.results[0][t * r.k + j]));
      sum += scores[static_cast<std::size_t>(chosen.back())];
      sum_error += errors[static_cast<std::size_t>(chosen.back())];
    }
    if (!could_choose(r, choice, choice_errors, chosen.data())) *call.admissible = false;
    for (std::size_t j = 0; j < r.k; ++j) {
      const auto e = static_cast<std::size_t>(chosen[j]);
      double error = errors[e];
      if (r.normalise) {
        const double lowest = sum - sum_error;
        error = lowest > 0 ? errors[e] / lowest + scores[e] * sum_error / (sum * lowest)
                           : std::numeric_limits<double>::infinity();
      }
      const double weight = std::abs(call.results[1][t * r.k + j]);
      error *= std::abs(r.scale);
      out[0][t * r.k + j] = 0;
      out[1][t * r.k + j] = error + call.accuracy.gamma(static_cast<double>(r.k) + 3) * (weight + error);
    }
  }
}

template <typename T>
void cpu_experts(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Array<T>& indices = call.value("indices");
  const Array<T>& weights = call.value("weights");
  const auto k = static_cast<std::size_t>(indices.columns());
  const auto width = static_cast<std::size_t>(x.columns());
  const Activation act = activation_of(call.attributes().text("act"));
  const auto experts = experts_of(call);
  const auto pairs = pairs_by_expert(indices, experts.size());
  std::vector<T> results(indices.size() * width);
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (pairs[e].empty()) continue;
    const auto m = static_cast<std::int64_t>(pairs[e].size());
    const auto rows = rows_of(x, pairs[e], k);
    std::vector<T> up(pairs[e].size() * static_cast<std::size_t>(experts[e].up.n));
    std::vector<T> hidden(up.size());
    std::vector<T> result(pairs[e].size() * width);
    multiply(call, rows.data(), m, experts[e].up, up.data());
    if (experts[e].gate) multiply(call, rows.data(), m, *experts[e].gate, hidden.data());
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      hidden[i] = experts[e].gate ? call.kept(activate(act, call.kept(hidden[i])) * call.kept(up[i]))
                                  : call.kept(activate(act, call.kept(up[i])));
    }
    multiply(call, hidden.data(), m, experts[e].down, result.data());
    for (std::size_t i = 0; i < pairs[e].size(); ++i)
      std::copy_n(result.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                  results.begin() + static_cast<std::ptrdiff_t>(pairs[e][i] * width));
  }
  for (std::size_t t = 0; t < static_cast<std::size_t>(x.rows()); ++t) {
    for (std::size_t c = 0; c < width; ++c) {
      T sum = 0;
      for (std::size_t j = 0; j < k; ++j)
        sum += weights[t * k + j] * call.kept(results[(t * k + j) * width + c]);
      out[0][t * width + c] = sum;
    }
  }
}
template void cpu_experts(const Call<float>&, std::vector<Array<float>>&);
template void cpu_experts(const Call<double>&, std::vector<Array<double>>&);

void bound_experts(const BoundCall& call, std::vector<Array<double>>& out) {
  const Accuracy& accuracy = call.accuracy;
  const Array<double>& x = call.exact.value("x");
  const Array<double>& indices = call.exact.value("indices");
  const Array<double>& weights = call.exact.value("weights");
  const Array<double>& weights_bound = call.bound("weights");
  const auto k = static_cast<std::size_t>(indices.columns());
  const auto width = static_cast<std::size_t>(x.columns());
  const Activation act = activation_of(call.exact.attributes().text("act"));
  const auto experts = experts_of(call.exact);
  const auto pairs = pairs_by_expert(indices, experts.size());
  std::fill(out[0].data.begin(), out[0].data.end(), 0.0);
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (pairs[e].empty()) continue;
    const auto m = static_cast<std::int64_t>(pairs[e].size());
    const auto rows = rows_of(x, pairs[e], k);
    const auto rows_bound = rows_of(call.bound("x"), pairs[e], k);
    const std::size_t inner = pairs[e].size() * static_cast<std::size_t>(experts[e].up.n);
    std::vector<double> gate(inner), gate_bound(inner), up(inner), up_bound(inner), hidden(inner),
        hidden_bound(inner);
    multiply(call.exact, rows.data(), m, experts[e].up, up.data());
    bound_product(call, rows.data(), rows_bound.data(), m, experts[e].up, {}, up_bound.data());
    if (experts[e].gate) {
      multiply(call.exact, rows.data(), m, *experts[e].gate, gate.data());
      bound_product(call, rows.data(), rows_bound.data(), m, *experts[e].gate, {}, gate_bound.data());
    }
    for (std::size_t i = 0; i < inner; ++i) {
      const double u = accuracy.rounded(up[i], up_bound[i]);
      if (!experts[e].gate) {
        hidden[i] = activate(act, up[i]);
        hidden_bound[i] = accuracy.rounded(hidden[i], activation_bound(accuracy, act, up[i], u));
        continue;
      }
      const double g = accuracy.rounded(gate[i], gate_bound[i]);
      const double a = std::abs(activate(act, gate[i]));
      const double a_bound = activation_bound(accuracy, act, gate[i], g);
      const double size = std::abs(up[i]) + u;
      hidden[i] = activate(act, gate[i]) * up[i];
      hidden_bound[i] =
          accuracy.rounded(hidden[i], a * u + a_bound * size + accuracy.u * (a + a_bound) * size);
    }
    std::vector<double> result(pairs[e].size() * width), result_bound(pairs[e].size() * width);
    multiply(call.exact, hidden.data(), m, experts[e].down, result.data());
    bound_product(call, hidden.data(), hidden_bound.data(), m, experts[e].down, {}, result_bound.data());
    const double gamma = accuracy.gamma(static_cast<double>(k));
    for (std::size_t i = 0; i < result.size(); ++i) {
      const std::size_t pair = pairs[e][i / width];
      const double y = accuracy.rounded(result[i], result_bound[i]);
      const double w = std::abs(weights[pair]);
      const double w_bound = weights_bound[pair];
      const double error = w * y + w_bound * (std::abs(result[i]) + y);
      out[0][pair / k * width + i % width] += error + gamma * (w * std::abs(result[i]) + error);
    }
  }
}

}  // namespace tenon
