// Which experts a token goes to, and with what weight.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "modules/cuda/gpu_call.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

struct Routing {
  explicit Routing(const BoundStep& step, std::int64_t experts_)
      : experts(static_cast<std::size_t>(experts_)) {
    const Attributes a(step.attributes);
    k = static_cast<std::size_t>(a.integer("k"));
    groups = static_cast<std::size_t>(a.integer("groups", 1));
    groups_kept = static_cast<std::size_t>(a.integer("groups_kept", static_cast<std::int64_t>(groups)));
    scoring = scoring_of(a.text("scoring", "softmax"));
    floor = a.real("floor", 0);
    addend = a.real("addend", 0);
    shared = static_cast<std::size_t>(a.integer("shared", 0));
    experts -= shared;
    normalise = a.flag("normalise");
    group_top2 = a.flag("group_top2");
    scale = a.real("scale", 1);
  }
  enum class Scoring { kSoftmax, kSigmoid, kSqrtSoftplus, kChosen, kGiven };
  static Scoring scoring_of(const std::string& name) {
    if (name == "softmax") return Scoring::kSoftmax;
    if (name == "sigmoid") return Scoring::kSigmoid;
    if (name == "sqrtsoftplus") return Scoring::kSqrtSoftplus;
    if (name == "chosen") return Scoring::kChosen;
    if (name == "given") return Scoring::kGiven;
    throw Misfit(
        fmt::format("there is no scoring '{}': softmax, sigmoid, sqrtsoftplus, chosen, given", name));
  }

  /// Without the shared ones, whose logits stand behind the others'.
  std::size_t experts, k, groups, groups_kept;
  Scoring scoring;
  bool normalise, group_top2;
  double scale;
  /// Sums of scores are taken to be at least this when weights are normalised.
  double floor;
  /// Is added to them first.
  double addend;
  std::size_t shared;
};

// Added to the scores before the choice. Routers may keep theirs as rows of one weight.
template <typename T>
std::vector<float> correction_of(const Call<T>& call) {
  const Weight* const weight = call.weight("correction");
  auto all = numbers_of(weight);
  if (weight == nullptr || !call.attributes().has("correction_row")) return all;
  const auto columns = static_cast<std::ptrdiff_t>(weight->shape().back());
  const auto first = all.begin() + call.attributes().integer("correction_row") * columns;
  return {first, first + columns};
}

template <typename T>
std::vector<T> scores_of(const Routing& r, const T* logits) {
  std::vector<T> out(logits, logits + r.experts + r.shared);
  if (r.scoring == Routing::Scoring::kGiven) return out;
  if (r.scoring == Routing::Scoring::kSigmoid) {
    for (auto& score : out) score = 1 / (1 + std::exp(-score));
    return out;
  }
  if (r.scoring == Routing::Scoring::kSqrtSoftplus) {
    for (auto& score : out) score = std::sqrt(std::max(score, T{0}) + std::log1p(std::exp(-std::abs(score))));
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

// What the best are chosen by: scores, or the logits where the softmax is taken over the chosen alone.
template <typename T>
std::vector<T> choice_of(const Routing& r, const T* logits, const std::vector<T>& scores,
                         const std::vector<float>& correction) {
  std::vector<T> out(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(r.experts));
  if (r.scoring == Routing::Scoring::kChosen) out.assign(logits, logits + r.experts);
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

template <typename T>
void cpu_route(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& logits = call.value("logits");
  const Routing r(call.step, logits.columns());
  const auto correction = correction_of(call);
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    const auto scores = scores_of(r, logits.data.data() + t * (r.experts + r.shared));
    std::vector<std::size_t> chosen;
    if (call.forced != nullptr) {
      for (std::size_t j = 0; j < r.k; ++j)
        chosen.push_back(static_cast<std::size_t>(call.forced->at(t * r.k + j)));
    } else {
      chosen = choose(r, choice_of(r, logits.data.data() + t * (r.experts + r.shared), scores, correction));
    }
    T sum = 0;
    for (const auto e : chosen) sum += scores.at(e);
    for (std::size_t s = 0; s < r.shared; ++s) sum += scores[r.experts + s];
    sum = std::max(sum + static_cast<T>(r.addend), static_cast<T>(r.floor));
    const bool divide = r.normalise || r.scoring == Routing::Scoring::kChosen;
    for (std::size_t j = 0; j < r.k; ++j) {
      const T weight = divide ? scores[chosen[j]] / sum : scores[chosen[j]];
      out[0][t * r.k + j] = static_cast<T>(chosen[j]);
      out[1][t * r.k + j] = weight * static_cast<T>(r.scale);
    }
    for (std::size_t s = 0; s < r.shared; ++s)
      out[2][t * r.shared + s] = scores[r.experts + s] / (divide ? sum : T{1}) * static_cast<T>(r.scale);
  }
}

void bound_route(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& logits = call.exact.value("logits");
  const Routing r(call.exact.step, logits.columns());
  const auto correction = correction_of(call.exact);
  for (std::size_t t = 0; t < static_cast<std::size_t>(logits.rows()); ++t) {
    const double* const row = logits.data.data() + t * (r.experts + r.shared);
    const double* const bound = call.bound("logits").data.data() + t * (r.experts + r.shared);
    const double largest = *std::max_element(bound, bound + r.experts + r.shared);
    double size = 0;
    for (std::size_t e = 0; e < r.experts + r.shared; ++e) size = std::max(size, std::abs(row[e]) + bound[e]);
    // Relative error of a score, as for a softmax's weights; a sigmoid moves less than its logit.
    const double own = call.accuracy.functions + 4 * call.accuracy.u * size +
                       call.accuracy.gamma(static_cast<double>(r.experts) + 4);
    const auto scores = scores_of(r, row);
    std::vector<double> errors(r.experts + r.shared);
    for (std::size_t e = 0; e < errors.size(); ++e)
      errors[e] = r.scoring == Routing::Scoring::kGiven
                      ? bound[e]
                      : scores[e] * (std::expm1(bound[e] + largest + own) + own);
    const auto choice = choice_of(r, row, scores, correction);
    std::vector<double> choice_errors = errors;
    if (r.scoring == Routing::Scoring::kChosen) choice_errors.assign(bound, bound + r.experts);
    for (std::size_t e = 0; e < r.experts; ++e) choice_errors[e] += call.accuracy.u * std::abs(choice[e]);
    std::vector<int> chosen;
    double sum = 0;
    double sum_error = 0;
    for (std::size_t j = 0; j < r.k; ++j) {
      chosen.push_back(static_cast<int>(call.results[0][t * r.k + j]));
      sum += scores[static_cast<std::size_t>(chosen.back())];
      sum_error += errors[static_cast<std::size_t>(chosen.back())];
    }
    for (std::size_t s = 0; s < r.shared; ++s) {
      sum += scores[r.experts + s];
      sum_error += errors[r.experts + s];
    }
    if (!could_choose(r, choice, choice_errors, chosen.data())) *call.admissible = false;
    const bool divide = r.normalise || r.scoring == Routing::Scoring::kChosen;
    const double lowest = std::max(sum + r.addend - sum_error, r.floor);
    const double divisor = std::max(sum + r.addend, r.floor);
    const auto weight_bound = [&](std::size_t e, double weight) {
      double error = errors[e];
      if (divide)
        error = lowest > 0 ? errors[e] / lowest + scores[e] * sum_error / (divisor * lowest)
                           : std::numeric_limits<double>::infinity();
      error *= std::abs(r.scale);
      return error +
             call.accuracy.gamma(static_cast<double>(r.k + r.shared) + 3) * (std::abs(weight) + error);
    };
    for (std::size_t j = 0; j < r.k; ++j) {
      out[0][t * r.k + j] = 0;
      out[1][t * r.k + j] = weight_bound(static_cast<std::size_t>(chosen[j]), call.results[1][t * r.k + j]);
    }
    for (std::size_t s = 0; s < r.shared; ++s)
      out[2][t * r.shared + s] = weight_bound(r.experts + s, call.results[2][t * r.shared + s]);
  }
}

std::vector<Shape> route_shapes(const ShapeCall& c) {
  c.rank("logits", 2);
  const std::int64_t shared = c.attributes.integer("shared", 0);
  const std::int64_t experts = c.of("logits")[1] - shared;
  require(shared >= 0 && experts > 0 && c.outputs == (shared > 0 ? 3U : 2U),
          "route makes indices and weights, and, of shared experts, theirs");
  if (c.attributes.has("corrected"))
    require(c.has("correction") == c.attributes.flag("corrected"),
            c.has("correction") ? "there is a correction that this router does not have"
                                : "the module holds no correction of the scores");
  Routing::scoring_of(c.attributes.text("scoring", "softmax"));
  const std::int64_t k = c.attributes.integer("k");
  const std::int64_t groups = c.attributes.integer("groups", 1);
  const std::int64_t kept = c.attributes.integer("groups_kept", groups);
  require(groups > 0 && experts % groups == 0 && kept > 0 && kept <= groups,
          "the experts do not make these groups");
  require(k > 0 && k <= experts / groups * kept, fmt::format("{} of {} experts", k, experts / groups * kept));
  if (c.has("correction") && c.attributes.has("correction_row")) {
    const std::int64_t row = c.attributes.integer("correction_row");
    c.rank("correction", 2);
    require(
        row >= 0 && row < c.of("correction")[0] && c.of("correction")[1] == experts,
        fmt::format("the correction {} has no row {} of {}", to_string(c.of("correction")), row, experts));
  } else if (c.has("correction") && c.of("correction") != Shape{1, experts}) {
    c.vector_of("correction", experts);
  }
  std::vector<Shape> out(2, {c.of("logits")[0], k});
  if (shared > 0) out.push_back({c.of("logits")[0], shared});
  return out;
}
bool gpu_route(GpuCall& c) {
  const std::string scoring = c.attributes.text("scoring", "softmax");
  if ((scoring != "softmax" && scoring != "sigmoid") || c.attributes.real("floor", 0) != 0 ||
      c.attributes.real("addend", 0) != 0 || c.attributes.has("shared") || c.attributes.has("correction_row"))
    return false;
  const std::int64_t groups = c.attributes.integer("groups", 1);
  c.queue(
      c.api().route,
      tenon_route_args{c.in("logits"), c.in("correction"), c.out(0), c.out(1),
                       c.attributes.text("scoring", "softmax") == "sigmoid" ? TENON_SIGMOID : TENON_SOFTMAX,
                       c.attributes.flag("normalise"), static_cast<std::int32_t>(groups),
                       static_cast<std::int32_t>(c.attributes.integer("groups_kept", groups)),
                       c.attributes.flag("group_top2"), c.attributes.real("scale", 1)});
  return true;
}

}  // namespace

std::vector<ModuleOperation> routing_operations() {
  return {
      {.name = "route",
       .parameters = {{"logits", Kind::kValue},
                      {"correction", Kind::kWeight, false},
                      {"corrected", Kind::kFlag, false},
                      {"correction_row", Kind::kInteger, false},
                      {"k", Kind::kInteger},
                      {"scoring", Kind::kText, false},
                      {"normalise", Kind::kFlag, false},
                      {"groups", Kind::kInteger, false},
                      {"groups_kept", Kind::kInteger, false},
                      {"group_top2", Kind::kFlag, false},
                      {"scale", Kind::kReal, false},
                      {"floor", Kind::kReal, false},
                      {"addend", Kind::kReal, false},
                      {"shared", Kind::kInteger, false}},
       .outputs = 0,
       .shapes = route_shapes,
       .cpu = {cpu_route<double>, cpu_route<float>, bound_route},
       .gpu = gpu_route,
       .role = Role::kRoute,
       .integers = 0},
  };
}

}  // namespace tenon
