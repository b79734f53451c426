#include "modules/evaluate.h"

namespace tenon {
namespace {

std::size_t at(int slot) {
  return static_cast<std::size_t>(slot);
}

template <typename T>
std::vector<Array<T>> begin_values(const BoundProgram& program, const std::vector<Array<float>>& inputs) {
  std::vector<Array<T>> values(program.shapes.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    values[i] = Array<T>(inputs[i].shape, std::vector<T>(inputs[i].data.begin(), inputs[i].data.end()));
  return values;
}

template <typename T>
std::vector<Array<T>> results_of(const BoundProgram& program, const BoundStep& step) {
  std::vector<Array<T>> out;
  for (const int slot : step.out) out.emplace_back(program.shapes[at(slot)]);
  return out;
}

template <typename T>
void keep(const BoundStep& step, std::vector<Array<T>>& results, std::vector<Array<T>>& values) {
  for (std::size_t i = 0; i < results.size(); ++i) values[at(step.out[i])] = std::move(results[i]);
}

// The bounds of a step's results, rounded to the format.
std::vector<Array<double>> bounds_of(const BoundProgram& program, const BoundStep& step,
                                     const ModuleOperation& operation, const BoundCall& call) {
  auto out = results_of<double>(program, step);
  if (operation.cpu.bound == nullptr) {
    // The bounds move as the values do.
    const Call<double> moved{step, call.bounds, call.exact.weights, call.exact.shapes};
    if (!operation.from_table) operation.cpu.reference(moved, out);
    return out;
  }
  operation.cpu.bound(call, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (static_cast<int>(i) == operation.integers) continue;
    for (std::size_t j = 0; j < out[i].size(); ++j)
      out[i][j] = call.accuracy.rounded(call.results[i][j], out[i][j]);
  }
  return out;
}

void round_results(const ModuleOperation& operation, const NumberFormat& format,
                   std::vector<Array<float>>& results) {
  if (operation.cpu.bound == nullptr) return;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (static_cast<int>(i) == operation.integers) continue;
    for (auto& value : results[i].data) value = round_to(format, value);
  }
}

template <typename T>
std::vector<int> indices_of(const Array<T>& array) {
  return {array.data.begin(), array.data.end()};
}

}  // namespace

Reference evaluate_reference(const BoundProgram& program, const RunOperands& given, const Routes* forced,
                             const RunAccuracy& judged) {
  Reference out{begin_values<double>(program, given.inputs), {}};
  out.bounds.resize(program.shapes.size());
  for (std::size_t i = 0; i < given.inputs.size(); ++i) out.bounds[i] = Array<double>(program.shapes[i]);
  std::size_t route = 0;
  for (const auto& step : program.steps) {
    const ModuleOperation& operation = *step.operation;
    Call<double> call{step, out.values, given.weights, program.shapes};
    call.products = judged.products;
    if (operation.role == Role::kRoute && forced != nullptr) call.forced = &forced->at(route++);
    auto results = results_of<double>(program, step);
    operation.cpu.reference(call, results);
    auto bounds =
        bounds_of(program, step, operation, {call, out.bounds, results, judged.accuracy, &out.admissible});
    keep(step, results, out.values);
    keep(step, bounds, out.bounds);
  }
  return out;
}

std::vector<Array<float>> evaluate_step(const BoundProgram& program, const BoundStep& step,
                                        const std::vector<Array<float>>& values, const SlotWeights& weights,
                                        const NumberFormat& format, Order order) {
  const ModuleOperation& operation = *step.operation;
  const bool fused = order == Order::kLibrary && (step.inside || operation.keeps_inside);
  Call<float> call{step, values, weights, program.shapes, order};
  call.inner_format = fused ? nullptr : &format;
  auto results = results_of<float>(program, step);
  operation.cpu.run(call, results);
  if (!(order == Order::kLibrary && step.inside)) round_results(operation, format, results);
  return results;
}

Computed evaluate(const BoundProgram& program, const RunOperands& given, const NumberFormat& format,
                  Order order) {
  Computed out{begin_values<float>(program, given.inputs), {}};
  for (const auto& step : program.steps) {
    auto results = evaluate_step(program, step, out.values, given.weights, format, order);
    if (step.operation->role == Role::kRoute) out.routes.push_back(indices_of(results[0]));
    keep(step, results, out.values);
  }
  return out;
}

}  // namespace tenon
