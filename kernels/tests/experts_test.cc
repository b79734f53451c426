// Routing, the per-expert loop and the grouped experts, with experts that no token chose; and calls that must
// fail.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/tests/harness.h"

namespace {

struct Routing {
  const char* name;
  int64_t experts, chosen;
  int scoring, normalise, groups, groups_kept, group_top2;
  bool correction;
  double scale;
};
const Routing kRoutings[] = {
    {"softmax", 13, 2, TENON_SOFTMAX, 1, 0, 0, 0, false, 1},
    {"softmax, not normalised", 128, 8, TENON_SOFTMAX, 0, 0, 0, 0, false, 2.5},
    {"sigmoid in groups", 64, 6, TENON_SIGMOID, 1, 8, 3, 1, true, 2.5},
    {"softmax in groups", 60, 4, TENON_SOFTMAX, 0, 5, 2, 0, false, 16},
};

std::vector<int64_t> best(const Values& values, int64_t n) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return values[a] > values[b]; });
  order.resize(n);
  return order;
}

void check_route(Harness& h, const Routing& r, const Setting& s, int64_t tokens) {
  Tensor logits = h.random({tokens, r.experts}, s.dtype, 2),
         correction = h.random({r.experts}, TENON_F32, 0.3);
  Tensor indices = h.result({tokens, r.chosen}, TENON_I32), weights = h.result({tokens, r.chosen}, s.dtype);
  h.run(h.api().route, s.mode,
        {logits.device, r.correction ? correction.device : tenon_tensor{}, indices.device, weights.device,
         r.scoring, r.normalise, r.groups, r.groups_kept, r.group_top2, r.scale});
  Values want_indices, want;
  for (int64_t t = 0; t < tokens; ++t) {
    Values scores(logits.values.begin() + t * r.experts, logits.values.begin() + (t + 1) * r.experts);
    double sum = 0;
    for (double& score : scores)
      sum += score = r.scoring == TENON_SIGMOID ? 1 / (1 + std::exp(-score)) : std::exp(score);
    if (r.scoring == TENON_SOFTMAX)
      for (double& score : scores) score /= sum;
    Values choice = scores;
    for (int64_t e = 0; r.correction && e < r.experts; ++e) choice[e] += correction.values[e];
    if (r.groups) {
      int64_t size = r.experts / r.groups;
      Values worth;
      for (int64_t g = 0; g < r.groups; ++g) {
        Values group(choice.begin() + g * size, choice.begin() + (g + 1) * size);
        std::sort(group.rbegin(), group.rend());
        worth.push_back(r.group_top2 ? group[0] + group[1] : group[0]);
      }
      auto kept = best(worth, r.groups_kept);
      for (int64_t e = 0; e < r.experts; ++e)
        if (std::find(kept.begin(), kept.end(), e / size) == kept.end()) choice[e] = -HUGE_VAL;
    }
    double total = 0;
    for (int64_t e : best(choice, r.chosen)) {
      want_indices.push_back(static_cast<double>(e));
      want.push_back(scores[e]);
      total += scores[e];
    }
    for (int64_t j = 0; j < r.chosen; ++j) want[t * r.chosen + j] *= r.scale / (r.normalise ? total : 1);
  }
  std::string name = "route, " + std::string(r.name) + ", " + std::to_string(tokens) + " tokens";
  h.expect(name + ", the choice, " + describe(s), h.read(indices) == want_indices);
  h.expect_near(name, weights, want, s, 2);
}

// Ties go to the lower expert.
void check_ties(Harness& h) {
  Tensor logits = h.make({1, 40}, TENON_F32, Values(40, 1.0)), indices = h.result({1, 3}, TENON_I32),
         weights = h.result({1, 3}, TENON_F32);
  h.run(h.api().route, TENON_PRODUCTION,
        {logits.device, {}, indices.device, weights.device, TENON_SOFTMAX, 1, 0, 0, 0, 1});
  h.expect("route, equal logits", h.read(indices) == Values{0, 1, 2});
}

struct Experts {
  int64_t tokens, hidden, inner, count, chosen;
};
const Experts kExperts[] = {
    {1, 136, 72, 5, 2}, {3, 200, 64, 128, 8}, {64, 64, 136, 4, 2}, {257, 136, 200, 6, 2}, {20, 33, 17, 3, 1}};

// Expert 1 and the last get no token.
Values choose(const Experts& c) {
  Values indices;
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t j = 0; j < c.chosen; ++j) {
      int64_t e = (t * t + j) % (c.count - 2);
      indices.push_back(static_cast<double>(e >= 1 ? e + 1 : e));
    }
  if (c.count <= 3) std::fill(indices.begin(), indices.end(), 0);
  return indices;
}

Values reference(const Experts& c, const Tensor& x, const Tensor& indices, const Tensor& weights,
                 const std::vector<Values>& gate_up, const std::vector<Tensor>& down) {
  Values out(c.tokens * c.hidden);
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t j = 0; j < c.chosen; ++j) {
      int64_t e = static_cast<int64_t>(indices.values[t * c.chosen + j]);
      Values row(x.values.begin() + t * c.hidden, x.values.begin() + (t + 1) * c.hidden);
      Values y = mlp_reference(row, gate_up[e], down[e].values, 1, c.hidden, c.inner, TENON_SILU);
      for (int64_t i = 0; i < c.hidden; ++i) out[t * c.hidden + i] += weights.values[t * c.chosen + j] * y[i];
    }
  return out;
}

void check_experts(Harness& h, const Experts& c, const Setting& s) {
  Tensor x = h.random({c.tokens, c.hidden}, s.dtype),
         indices = h.make({c.tokens, c.chosen}, TENON_I32, choose(c));
  Tensor weights = h.random({c.tokens, c.chosen}, s.mode == TENON_REFERENCE ? TENON_F64 : TENON_F32);
  std::vector<Tensor> gate, up, down;
  std::vector<Values> gate_up;
  std::vector<tenon_tensor> gates, ups, downs;
  Values stack, stack_down;
  for (int64_t e = 0; e < c.count; ++e) {
    gate.push_back(h.random({c.inner, c.hidden}, s.dtype, 0.1)),
        up.push_back(h.random({c.inner, c.hidden}, s.dtype, 0.1));
    down.push_back(h.random({c.hidden, c.inner}, s.dtype, 0.1));
    gates.push_back(gate[e].device), ups.push_back(up[e].device), downs.push_back(down[e].device);
    gate_up.push_back(gate[e].values);
    gate_up[e].insert(gate_up[e].end(), up[e].values.begin(), up[e].values.end());
    stack.insert(stack.end(), gate_up[e].begin(), gate_up[e].end());
    stack_down.insert(stack_down.end(), down[e].values.begin(), down[e].values.end());
  }
  Tensor stacked = h.make({c.count, 2 * c.inner, c.hidden}, s.dtype, stack),
         stacked_down = h.make({c.count, c.hidden, c.inner}, s.dtype, stack_down);
  Tensor loop = h.result({c.tokens, c.hidden}, s.dtype), grouped = h.result({c.tokens, c.hidden}, s.dtype);
  h.run(h.api().experts, s.mode,
        {x.device, indices.device, weights.device, loop.device, gates.data(), ups.data(), downs.data(),
         static_cast<int32_t>(c.count), TENON_SILU});
  h.run(h.api().grouped_experts, s.mode,
        {x.device, indices.device, weights.device, stacked.device, stacked_down.device, grouped.device,
         TENON_SILU, 0, 0});
  std::string name = std::to_string(c.count) + " experts, " + std::to_string(c.tokens) + " tokens";
  Values want = reference(c, x, indices, weights, gate_up, down);
  h.expect_near(name + ", loop", loop, want, s, 3);
  h.expect_near(name + ", grouped", grouped, want, s, 3);
  if (s.mode != TENON_PRODUCTION)
    h.expect_same_bits(name + ", loop and grouped, " + describe(s), loop, grouped);
}

// An index that names no expert spoils its token, and no other.
void check_stray(Harness& h) {
  Tensor x = h.random({3, 16}, TENON_BF16), gate_up = h.random({4, 32, 16}, TENON_BF16);
  Tensor down = h.random({4, 16, 16}, TENON_BF16), weights = h.random({3, 2}, TENON_F32);
  Tensor indices = h.make({3, 2}, TENON_I32, {0, 3, 1, 4, -1, 2}), out = h.result({3, 16}, TENON_BF16);
  h.run(
      h.api().grouped_experts, TENON_PRODUCTION,
      {x.device, indices.device, weights.device, gate_up.device, down.device, out.device, TENON_SILU, 0, 0});
  Values got = h.read(out);
  bool held = true;
  for (size_t i = 0; i < got.size(); ++i) held &= std::isnan(got[i]) == (i >= 16);
  h.expect("experts that do not exist", held);
}

}  // namespace

void test_routing(Harness& h) {
  for (const Setting& s : kSettings)
    for (const Routing& r : kRoutings)
      for (int64_t tokens : {1, 3, 257}) check_route(h, r, s, tokens);
  check_ties(h);
}

void test_experts(Harness& h) {
  for (const Experts& c : kExperts)
    for (const Setting& s : kSettings) {
      check_experts(h, c, s);
      h.release();
    }
  check_stray(h);
}

void test_errors(Harness& h) {
  Tensor x = h.random({3, 8}, TENON_F32), weight = h.random({4, 9}, TENON_F32),
         out = h.result({3, 4}, TENON_F32);
  tenon_linear_args args{x.device, weight.device, {}, out.device, 0, 0};
  int status = h.api().linear(h.context(), TENON_PRODUCTION, &args);
  h.expect("a linear that does not fit is refused", status == TENON_BAD_ARGUMENT,
           h.api().message(h.context()));
  h.expect("an unknown mode is refused", h.api().linear(h.context(), 9, &args) == TENON_BAD_ARGUMENT,
           h.api().message(h.context()));
  void* data = nullptr;
  status = h.api().alloc(h.context(), size_t{1} << 50, &data);
  h.expect("too much memory is refused", status == TENON_OUT_OF_MEMORY && !data,
           h.api().message(h.context()));
  Tensor y = h.random({3, 8}, TENON_F32), sum = h.result({3, 8}, TENON_F32);
  h.expect("the context works after failures",
           h.run(h.api().add, TENON_PRODUCTION, {x.device, y.device, sum.device}));
}
