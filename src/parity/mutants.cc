#include "parity/mutants.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "modules/attributes.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Places = std::vector<std::size_t>;  // along an axis

Places identity(std::size_t n) {
  Places out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

class MutantMaker {
 public:
  MutantMaker(const ModuleWeights& weights, const Routes& routes) : weights_(weights), routes_(routes) {}

  std::vector<Mutant> run(const BoundProgram& fused) {
    for (const auto& step : fused.declared) {
      gate_and_up(step);
      heads(step);
      experts(step);
      biases(step);
    }
    for (const auto& step : fused.whole) rotated(fused, step.step);
    std::set<std::string> seen;
    for (const auto& step : fused.declared) {
      for (const auto& [parameter, name] : step.weights) {
        if (seen.insert(name).second) any_weight(name);
      }
    }
    return std::move(out_);
  }

 private:
  const ModuleTensor& first(const std::string& name) const { return weights_.at(name).front(); }

  void add(std::string name, const std::string& weight, WeightEdit edit, bool numeric = true) {
    edit.weight = weight;
    out_.push_back({std::move(name), weight, numeric, {std::move(edit)}});
  }

  static WeightEdit reorder(std::size_t axis, Places order) {
    WeightEdit edit;
    edit.kind = WeightEdit::Kind::kReorder;
    edit.axis = axis;
    edit.order = std::move(order);
    return edit;
  }

  static WeightEdit of_kind(WeightEdit::Kind kind) {
    WeightEdit edit;
    edit.kind = kind;
    return edit;
  }

  // Two tensors of one shape change places.
  static void swap(WeightChange& change, const std::string& one, std::size_t i, const std::string& other,
                   std::size_t j) {
    WeightEdit edit = of_kind(WeightEdit::Kind::kTake);
    edit.weight = one, edit.index = i, edit.other = other, edit.other_index = j;
    change.push_back(edit);
    edit.weight = other, edit.index = j, edit.other = one, edit.other_index = i;
    change.push_back(edit);
  }

  void gate_and_up(const DeclaredStep& step) {
    const Attributes attributes(step.attributes);
    if (const auto found = step.weights.find("gate_up"); found != step.weights.end()) {
      const std::size_t rank = first(found->second).shape.size();
      const std::size_t axis = rank == 3 ? (attributes.flag("transposed") ? 2 : 1) : 0;
      Places order = identity(static_cast<std::size_t>(first(found->second).shape[axis]));
      const bool interleaved = attributes.flag("interleaved");
      for (auto& place : order) place = interleaved ? place ^ 1U : (place + order.size() / 2) % order.size();
      add("gate and up swapped", found->second, reorder(axis, order));
    } else if (step.weights.contains("gate") && step.weights.contains("up")) {
      const std::string gate = step.weights.at("gate");
      const std::string up = step.weights.at("up");
      Mutant mutant{"gate and up swapped", gate, true, {}};
      for (std::size_t i = 0; i < weights_.at(gate).size(); ++i) swap(mutant.change, gate, i, up, i);
      out_.push_back(std::move(mutant));
    }
  }

  void heads(const DeclaredStep& step) {
    if (step.operation->role != Role::kHeads) return;
    const Attributes a(step.attributes);
    const auto heads = static_cast<std::size_t>(a.integer("heads"));
    const auto kv_heads = static_cast<std::size_t>(a.integer("kv_heads"));
    const auto width = static_cast<std::size_t>(a.integer("head_dim"));
    const std::string weight = step.weights.at("weight");
    const std::size_t rows = (heads + 2 * kv_heads) * width;
    const auto swap_heads = [&](const std::string& name, std::size_t one, std::size_t other) {
      Places order = identity(rows);
      for (std::size_t i = 0; i < width; ++i) std::swap(order[one * width + i], order[other * width + i]);
      add(name, weight, reorder(0, order));
    };
    if (heads > 1) swap_heads("two heads swapped", 0, heads - 1);
    if (kv_heads > 1) swap_heads("two KV heads swapped", heads, heads + kv_heads - 1);
    swap_heads("a key head and a value head swapped", heads, heads + kv_heads);
    if (width % 2 != 0 || width <= 2) return;
    Places order = identity(rows);
    for (std::size_t head = 0; head < heads + kv_heads; ++head) pairs_to_halves(order, head * width, width);
    add("RoPE permutation left out", weight, reorder(0, order));
  }

  // Rows [from, from + count) of a head: neighbouring pairs into two halves, or back.
  static void pairs_to_halves(Places& order, std::size_t from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) order[from + i] = from + i % (count / 2) * 2 + i / (count / 2);
  }
  static void halves_to_pairs(Places& order, std::size_t from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) order[from + i] = from + i % 2 * (count / 2) + i / 2;
  }

  // RoPE of a Linear's output: its rows, and its bias, as they were before a rule's permutation.
  void rotated(const BoundProgram& fused, const BoundStep& rope) {
    if (rope.operation->role != Role::kRotation) return;
    const int x = rope.operands.at("x").front();
    const auto made = maker(fused, x);
    if (!made || fused.declared[*made].operation->role != Role::kLinear) return;
    const DeclaredStep& linear = fused.declared[*made];
    const Shape& shape = fused.shapes[static_cast<std::size_t>(x)];  // [tokens, heads, width]
    const auto heads = static_cast<std::size_t>(shape[1]);
    const auto width = static_cast<std::size_t>(shape[2]);
    const Attributes a(rope.attributes);
    const auto turned = static_cast<std::size_t>(a.integer("rotary_dim", shape[2]));
    const std::string weight = linear.weights.at("weight");
    const bool columns = Attributes(linear.attributes).flag("transposed");
    Places order = identity(heads * width);
    if (turned <= 2 || static_cast<std::size_t>(first(weight).shape[columns ? 1 : 0]) != order.size()) return;
    for (std::size_t head = 0; head < heads; ++head) {
      if (a.flag("interleaved")) {
        pairs_to_halves(order, head * width, turned);
      } else {
        halves_to_pairs(order, head * width, turned);
      }
    }
    Mutant mutant{"RoPE permutation left out", weight, true, {}};
    for (const auto& [parameter, name] : linear.weights) {
      mutant.change.push_back(reorder(parameter == "weight" && columns ? 1 : 0, order));
      mutant.change.back().weight = name;
    }
    out_.push_back(std::move(mutant));
  }

  // The step that a value comes from, whatever it was reshaped to on the way.
  static std::optional<std::size_t> maker(const BoundProgram& program, int slot) {
    for (std::size_t i = program.whole.size(); i-- > 0;) {
      const BoundStep& step = program.whole[i].step;
      if (std::find(step.out.begin(), step.out.end(), slot) == step.out.end()) continue;
      if (step.operation->role != Role::kReshape) return i;
      slot = step.operands.at("x").front();
    }
    return std::nullopt;
  }

  // Two experts that the run has sent tokens to, or one of them and another.
  std::optional<std::pair<std::size_t, std::size_t>> two_experts(std::size_t count) const {
    if (count < 2) return std::nullopt;
    // A module may have several routers, and experts of which there are fewer.
    std::vector<std::size_t> used;
    for (const auto& route : routes_) {
      for (const int e : route) {
        if (static_cast<std::size_t>(e) < count) used.push_back(static_cast<std::size_t>(e));
      }
    }
    const std::size_t one = used.empty() ? 0 : used.front();
    for (const std::size_t other : used) {
      if (other != one) return std::pair{one, other};
    }
    return std::pair{one, one == 0 ? std::size_t{1} : std::size_t{0}};
  }

  void experts(const DeclaredStep& step) {
    if (step.operation->role != Role::kExperts) return;
    const bool stacked = weights_.at(step.weights.at("down")).front().shape.size() == 3;
    const auto& down = weights_.at(step.weights.at("down"));
    const auto pair = two_experts(stacked ? static_cast<std::size_t>(down.front().shape[0]) : down.size());
    if (!pair) return;
    const auto [one, other] = *pair;
    if (stacked) {
      for (const char* parameter : {"gate_up", "gate", "up", "down"}) {
        if (!step.weights.contains(parameter)) continue;
        const std::string name = step.weights.at(parameter);
        Places order = identity(static_cast<std::size_t>(first(name).shape[0]));
        std::swap(order[one], order[other]);
        add("two experts swapped", name, reorder(0, order));
      }
      return;
    }
    const std::string name = step.weights.at("down");
    Mutant mutant{"two experts swapped", name, true, {}};
    swap(mutant.change, name, one, name, other);
    out_.push_back(std::move(mutant));
  }

  void biases(const DeclaredStep& step) {
    for (const auto& [parameter, name] : step.weights) {
      if (parameter.ends_with("bias")) add("bias missing", name, of_kind(WeightEdit::Kind::kClear));
    }
  }

  // What can go wrong with a matrix whatever it is for. Of a stack, the rows of every matrix move; of a list,
  // those of the first.
  void any_weight(const std::string& name) {
    const Shape& shape = first(name).shape;
    const bool list = weights_.at(name).size() > 1;
    if (shape.size() >= 2 && !list) {
      const std::size_t axis = shape.size() == 3 && shape[1] > 1 ? 1 : 0;
      Places order = identity(static_cast<std::size_t>(shape[axis]));
      std::rotate(order.begin(), order.begin() + 1, order.end());
      if (order.size() > 1) add("rows off by one", name, reorder(axis, order));
    }
    if (shape.size() == 2 && shape[0] == shape[1] && shape[0] > 1 && !list)
      add("transposed, being square", name, of_kind(WeightEdit::Kind::kTranspose));
    add("one bit flipped", name, of_kind(WeightEdit::Kind::kFlipBit), false);
  }

  const ModuleWeights& weights_;
  const Routes& routes_;
  std::vector<Mutant> out_;
};

}  // namespace

std::vector<Mutant> mutants_of(const BoundProgram& fused, const ModuleWeights& weights,
                               const Routes& routes) {
  return MutantMaker(weights, routes).run(fused);
}

}  // namespace tenon
