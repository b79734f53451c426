#include "modules/cpu/cpu_backend.h"

#include <chrono>
#include <map>

#include "modules/bind_program.h"
#include "modules/cpu/cpu_weights.h"
#include "modules/evaluate.h"

namespace tenon {
namespace {

struct CpuWeights : BackendWeights {
  std::map<std::string, SharedWeight> slots;
};

const CpuWeights& of(const BackendWeights& weights) {
  return static_cast<const CpuWeights&>(weights);
}

class CpuBackend : public Backend {
 public:
  std::string name() const override { return "cpu"; }
  std::string machine() const override { return "OpenBLAS"; }

  Held hold(const ModuleWeights& weights, const NumberFormat& format) override {
    auto out = std::make_unique<CpuWeights>();
    for (const auto& [slot, tensor] : by_slot(weights)) out->slots[slot] = stored_weight(*tensor, format);
    return out;
  }

  Held changed(const BackendWeights& weights, const NumberFormat& format,
               const WeightChange& change) override {
    auto out = std::make_unique<CpuWeights>();
    const auto& before = of(weights).slots;
    out->slots = before;
    for (const auto& edit : change) {
      const std::string slot = weight_slot(edit.weight, edit.index);
      out->slots.at(slot) = edit.kind == WeightEdit::Kind::kTake
                                ? before.at(weight_slot(edit.other, edit.other_index))
                                : edited_weight(before.at(slot), edit, format);
    }
    return out;
  }

  Computed run(const Evaluation& e, Order order) override {
    return evaluate(e.program, given(e), e.format, order);
  }

  Reference reference(const Evaluation& e, const Routes* forced) override {
    return evaluate_reference(e.program, given(e), e.format, forced);
  }

  double seconds(const Evaluation& e) override {
    const auto begin = std::chrono::steady_clock::now();
    run(e, Order::kLibrary);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  static RunOperands given(const Evaluation& e) {
    RunOperands out{e.inputs, SlotWeights(e.program.shapes.size(), nullptr)};
    for (const auto& [name, weight] : of(e.weights).slots) {
      const auto slot = e.program.slots.find(name);
      if (slot != e.program.slots.end()) out.weights[static_cast<std::size_t>(slot->second)] = weight.get();
    }
    return out;
  }
};

}  // namespace

std::unique_ptr<Backend> open_cpu_backend() {
  return std::make_unique<CpuBackend>();
}

}  // namespace tenon
