// Which blocks of keys a query sees, where an attention keeps some of them (MiniMax-M3's indexer).
//
// A query's score of a block is the highest that it has with any key in the block, up to its own place. It
// keeps its own block and those right before it, as many as `local` says, and of the others those with the
// highest scores, `topk` in all. Blocks that are not there are -1. As with routed experts, rounding may
// choose others near a tie.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

struct KeyBlocks {
  template <typename T>
  explicit KeyBlocks(const Call<T>& call)
      : tokens(call.value("q").shape[0]),
        groups(call.value("q").shape[1]),
        width(static_cast<std::size_t>(call.value("q").shape[2])),
        size(call.attributes().integer("block")),
        local(call.attributes().integer("local", 0)),
        count((tokens + size - 1) / size),
        kept(std::min(call.attributes().integer("topk"), count)) {}

  bool is_local(std::int64_t t, std::int64_t b) const { return b <= t / size && b > t / size - local; }
  std::size_t query(std::int64_t t, std::int64_t g) const {
    return static_cast<std::size_t>(t * groups + g) * width;
  }
  std::size_t key(std::int64_t s) const { return static_cast<std::size_t>(s) * width; }

  std::int64_t tokens, groups;
  std::size_t width;
  std::int64_t size, local, count, kept;
};

// A query's score of each block that begins at its place or before.
template <typename T>
std::vector<T> block_scores(const Call<T>& call, const KeyBlocks& b, std::int64_t t, std::int64_t g) {
  const Array<T>& q = call.value("q");
  const Array<T>& k = call.value("k");
  std::vector<T> out(static_cast<std::size_t>(t / b.size + 1), -std::numeric_limits<T>::infinity());
  for (std::int64_t s = 0; s <= t; ++s) {
    T score = 0;
    for (std::size_t c = 0; c < b.width; ++c) score += q[b.query(t, g) + c] * k[b.key(s) + c];
    auto& highest = out[static_cast<std::size_t>(s / b.size)];
    highest = std::max(highest, score);
  }
  return out;
}

template <typename T>
std::vector<std::int64_t> chosen_blocks(const KeyBlocks& b, std::int64_t t, std::vector<T> scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (b.is_local(t, static_cast<std::int64_t>(i))) scores[i] = std::numeric_limits<T>::infinity();
  }
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
    return scores[static_cast<std::size_t>(x)] > scores[static_cast<std::size_t>(y)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(b.kept)));
  std::sort(order.begin(), order.end());
  order.resize(static_cast<std::size_t>(b.kept), -1);
  return order;
}

template <typename T>
void cpu_choose_blocks(const Call<T>& call, std::vector<Array<T>>& out) {
  if (call.forced != nullptr) {
    out[0].data.assign(call.forced->begin(), call.forced->end());
    return;
  }
  const KeyBlocks b(call);
  auto to = out[0].data.begin();
  for (std::int64_t t = 0; t < b.tokens; ++t) {
    for (std::int64_t g = 0; g < b.groups; ++g) {
      for (const auto block : chosen_blocks(b, t, block_scores(call, b, t, g))) *to++ = static_cast<T>(block);
    }
  }
}

// The largest error of any score that a query has: that of a block is no larger.
double score_error(const BoundCall& call, const KeyBlocks& b, std::int64_t t, std::int64_t g) {
  const Array<double>& q = call.exact.value("q");
  const Array<double>& k = call.exact.value("k");
  const double gamma = call.accuracy.gamma(static_cast<double>(b.width));
  double largest = 0;
  for (std::int64_t s = 0; s <= t; ++s) {
    double error = 0, reach = 0;
    for (std::size_t c = 0; c < b.width; ++c) {
      const double x = std::abs(q[b.query(t, g) + c]);
      const double x_error = call.bound("q")[b.query(t, g) + c];
      const double y = std::abs(k[b.key(s) + c]);
      const double y_error = call.bound("k")[b.key(s) + c];
      error += (x + x_error) * y_error + x_error * y;
      reach += (x + x_error) * (y + y_error);
    }
    largest = std::max(largest, error + gamma * reach);
  }
  return largest;
}

// Could rounding have chosen these? As many as there are to choose, the local ones among them, and none left
// out that is better by more than the errors allow.
bool could_keep(const KeyBlocks& b, std::int64_t t, const std::vector<double>& scores, double error,
                const double* chosen) {
  std::vector<bool> taken(scores.size());
  std::size_t count = 0;
  double worst = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < b.kept; ++i) {
    if (chosen[i] < 0) continue;
    const auto block = static_cast<std::size_t>(chosen[i]);
    if (block >= scores.size() || taken[block]) return false;
    taken[block] = true;
    ++count;
    if (!b.is_local(t, static_cast<std::int64_t>(block))) worst = std::min(worst, scores[block]);
  }
  if (count != std::min(scores.size(), static_cast<std::size_t>(b.kept))) return false;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (taken[i]) continue;
    if (scores[i] - error > worst + error) return false;
    if (b.is_local(t, static_cast<std::int64_t>(i)) && b.local <= b.kept) return false;
  }
  return true;
}

void bound_choose_blocks(const BoundCall& call, std::vector<Array<double>>& out) {
  const KeyBlocks b(call.exact);
  std::fill(out[0].data.begin(), out[0].data.end(), 0.0);
  for (std::int64_t t = 0; t < b.tokens; ++t) {
    for (std::int64_t g = 0; g < b.groups; ++g) {
      const double* const chosen = call.results[0].data.data() + (t * b.groups + g) * b.kept;
      if (!could_keep(b, t, block_scores(call.exact, b, t, g), score_error(call, b, t, g), chosen))
        *call.admissible = false;
    }
  }
}

std::vector<Shape> choose_blocks_shapes(const ShapeCall& c) {
  c.rank("q", 3);
  c.rank("k", 3);
  const Shape& q = c.of("q");
  require(c.of("k") == Shape{q[0], 1, q[2]},
          fmt::format("k {} does not fit q {}", to_string(c.of("k")), to_string(q)));
  const std::int64_t size = c.attributes.integer("block");
  const std::int64_t topk = c.attributes.integer("topk");
  require(size > 0 && topk > 0, "a block holds keys, and some are kept");
  return {{q[0], q[1] * std::min(topk, (q[0] + size - 1) / size)}};
}

}  // namespace

std::vector<ModuleOperation> key_block_operations() {
  return {
      {.name = "choose_blocks",
       .parameters = {{"q", Kind::kValue},
                      {"k", Kind::kValue},
                      {"block", Kind::kInteger},
                      {"topk", Kind::kInteger},
                      {"local", Kind::kInteger, false}},
       .shapes = choose_blocks_shapes,
       .cpu = {cpu_choose_blocks<double>, cpu_choose_blocks<float>, bound_choose_blocks},
       .role = Role::kRoute,
       .integers = 0},
  };
}

}  // namespace tenon
