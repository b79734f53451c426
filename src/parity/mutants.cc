#include "parity/mutants.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>

#include "parity/attributes.h"

namespace tenon {
namespace {

using Places = std::vector<std::size_t>;  // along an axis

Places identity(std::size_t n) {
  Places out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

std::size_t element_size(const ModuleTensor& tensor) {
  return static_cast<std::size_t>(bits_of(tensor.dtype) / 8);
}

// Reorders the slices along an axis: new slice i is old slice order[i]. Were the bytes changed?
bool reorder(ModuleTensor& tensor, std::size_t axis, const Places& order) {
  std::size_t run = element_size(tensor);
  for (std::size_t i = axis + 1; i < tensor.shape.size(); ++i)
    run *= static_cast<std::size_t>(tensor.shape[i]);
  const Bytes before = tensor.bytes;
  const std::size_t whole = run * order.size();
  for (std::size_t base = 0; base < before.size(); base += whole) {
    for (std::size_t i = 0; i < order.size(); ++i)
      std::memcpy(tensor.bytes.data() + base + i * run, before.data() + base + order[i] * run, run);
  }
  return tensor.bytes != before;
}

bool transpose(ModuleTensor& tensor) {
  const auto n = static_cast<std::size_t>(tensor.shape[0]);
  const std::size_t size = element_size(tensor);
  const Bytes before = tensor.bytes;
  for (std::size_t i = 0; i < n * n; ++i)
    std::memcpy(tensor.bytes.data() + i * size, before.data() + (i % n * n + i / n) * size, size);
  return tensor.bytes != before;
}

bool clear(ModuleTensor& tensor) {
  const Bytes before = tensor.bytes;
  std::fill(tensor.bytes.begin(), tensor.bytes.end(), std::byte{0});
  return tensor.bytes != before;
}

// The lowest bit of the middle element: the smallest change there is.
bool flip_bit(ModuleTensor& tensor) {
  if (tensor.bytes.empty()) return false;
  const std::size_t size = element_size(tensor);
  tensor.bytes[tensor.bytes.size() / size / 2 * size] ^= std::byte{1};
  return true;
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

  void add(std::string name, const std::string& weight, std::function<bool(ModuleTensor&)> change,
           bool numeric = true) {
    out_.push_back({std::move(name), weight, numeric,
                    [weight, change](ModuleWeights& weights) { return change(weights.at(weight).front()); }});
  }

  void gate_and_up(const DeclaredStep& step) {
    const Attributes attributes(step.attributes);
    if (const auto found = step.weights.find("gate_up"); found != step.weights.end()) {
      const std::size_t rank = first(found->second).shape.size();
      const std::size_t axis = rank == 3 ? (attributes.flag("transposed") ? 2 : 1) : 0;
      Places order = identity(static_cast<std::size_t>(first(found->second).shape[axis]));
      const bool interleaved = attributes.flag("interleaved");
      for (auto& place : order) place = interleaved ? place ^ 1U : (place + order.size() / 2) % order.size();
      add("gate and up swapped", found->second, [=](ModuleTensor& t) { return reorder(t, axis, order); });
    } else if (step.weights.contains("gate") && step.weights.contains("up")) {
      const std::string gate = step.weights.at("gate");
      const std::string up = step.weights.at("up");
      out_.push_back({"gate and up swapped", gate, true, [=](ModuleWeights& weights) {
                        bool changed = false;
                        for (std::size_t i = 0; i < weights[gate].size(); ++i) {
                          changed = changed || weights[gate][i].bytes != weights[up][i].bytes;
                          std::swap(weights[gate][i].bytes, weights[up][i].bytes);
                        }
                        return changed;
                      }});
    }
  }

  void heads(const DeclaredStep& step) {
    if (step.operation != "qkv_linear") return;
    const Attributes a(step.attributes);
    const auto heads = static_cast<std::size_t>(a.integer("heads"));
    const auto kv_heads = static_cast<std::size_t>(a.integer("kv_heads"));
    const auto width = static_cast<std::size_t>(a.integer("head_dim"));
    const std::string weight = step.weights.at("weight");
    const std::size_t rows = (heads + 2 * kv_heads) * width;
    const auto swap_heads = [&](const std::string& name, std::size_t one, std::size_t other) {
      Places order = identity(rows);
      for (std::size_t i = 0; i < width; ++i) std::swap(order[one * width + i], order[other * width + i]);
      add(name, weight, [=](ModuleTensor& t) { return reorder(t, 0, order); });
    };
    if (heads > 1) swap_heads("two heads swapped", 0, heads - 1);
    if (kv_heads > 1) swap_heads("two KV heads swapped", heads, heads + kv_heads - 1);
    swap_heads("a key head and a value head swapped", heads, heads + kv_heads);
    // Rows of each query and key head from interleaved pairs to two halves, as if a permutation were left
    // out.
    Places order = identity(rows);
    for (std::size_t head = 0; head < heads + kv_heads; ++head) {
      for (std::size_t i = 0; i < width; ++i)
        order[head * width + i] = head * width + i % (width / 2) * 2 + i / (width / 2);
    }
    if (width % 2 == 0 && width > 2)
      add("RoPE permutation left out", weight, [=](ModuleTensor& t) { return reorder(t, 0, order); });
  }

  // Two experts that the run has sent tokens to, or one of them and another.
  std::optional<std::pair<std::size_t, std::size_t>> two_experts(std::size_t count) const {
    if (count < 2) return std::nullopt;
    std::size_t one = 0;
    if (!routes_.empty() && !routes_.front().empty()) one = static_cast<std::size_t>(routes_.front().front());
    for (const auto& route : routes_) {
      for (const int e : route) {
        if (static_cast<std::size_t>(e) != one) return std::pair{one, static_cast<std::size_t>(e)};
      }
    }
    return std::pair{one, one == 0 ? std::size_t{1} : std::size_t{0}};
  }

  void experts(const DeclaredStep& step) {
    if (step.operation != "experts" && step.operation != "grouped_experts") return;
    const bool stacked = step.operation == "grouped_experts";
    const auto& down = weights_.at(step.weights.at("down"));
    const auto pair = two_experts(stacked ? static_cast<std::size_t>(down.front().shape[0]) : down.size());
    if (!pair) return;
    const auto [one, other] = *pair;
    if (stacked) {
      for (const char* parameter : {"gate_up", "down"}) {
        const std::string name = step.weights.at(parameter);
        Places order = identity(static_cast<std::size_t>(first(name).shape[0]));
        std::swap(order[one], order[other]);
        add("two experts swapped", name, [=](ModuleTensor& t) { return reorder(t, 0, order); });
      }
      return;
    }
    const std::string name = step.weights.at("down");
    out_.push_back({"two experts swapped", name, true, [=, a = one, b = other](ModuleWeights& weights) {
                      std::swap(weights[name][a].bytes, weights[name][b].bytes);
                      return weights[name][a].bytes != weights[name][b].bytes;
                    }});
  }

  void biases(const DeclaredStep& step) {
    for (const auto& [parameter, name] : step.weights) {
      if (parameter.ends_with("bias")) add("bias missing", name, clear);
    }
  }

  // What can go wrong with a matrix whatever it is for. Of a stack, the rows of every matrix move; of a list,
  // those of the first.
  void any_weight(const std::string& name) {
    const Shape& shape = first(name).shape;
    const bool list = weights_.at(name).size() > 1;
    if (shape.size() >= 2 && !list) {
      const std::size_t axis = shape.size() == 3 ? 1 : 0;
      Places order = identity(static_cast<std::size_t>(shape[axis]));
      std::rotate(order.begin(), order.begin() + 1, order.end());
      if (order.size() > 1)
        add("rows off by one", name, [=](ModuleTensor& t) { return reorder(t, axis, order); });
    }
    if (shape.size() == 2 && shape[0] == shape[1] && shape[0] > 1 && !list)
      add("transposed, being square", name, transpose);
    add("one bit flipped", name, flip_bit, false);
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
