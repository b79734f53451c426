#include "parity/evaluate.h"

#include <map>
#include <stdexcept>

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
                                     const CpuOperation& operation, const BoundCall& call) {
  auto out = results_of<double>(program, step);
  if (operation.bound == nullptr) {
    // The bounds move as the values do.
    const Call<double> moved{step, call.bounds, call.exact.weights, call.exact.shapes};
    if (step.operation != "embedding") operation.reference(moved, out);
    return out;
  }
  operation.bound(call, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (static_cast<int>(i) == operation.exact_output) continue;
    for (std::size_t j = 0; j < out[i].size(); ++j)
      out[i][j] = call.accuracy.rounded(call.results[i][j], out[i][j]);
  }
  return out;
}

void round_results(const CpuOperation& operation, const NumberFormat& format,
                   std::vector<Array<float>>& results) {
  if (operation.bound == nullptr) return;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (static_cast<int>(i) == operation.exact_output) continue;
    for (auto& value : results[i].data) value = round_to(format, value);
  }
}

template <typename T>
std::vector<int> indices_of(const Array<T>& array) {
  return {array.data.begin(), array.data.end()};
}

}  // namespace

const CpuOperation& cpu_operation(const std::string& name) {
  static const std::map<std::string, CpuOperation> all = {
      {"linear", {cpu_linear<double>, cpu_linear<float>, bound_linear}},
      {"conv2d", {cpu_conv<double>, cpu_conv<float>, bound_conv}},
      {"conv3d", {cpu_conv<double>, cpu_conv<float>, bound_conv}},
      {"depthwise_conv1d", {cpu_depthwise<double>, cpu_depthwise<float>, bound_depthwise}},
      {"embedding", {cpu_embedding<double>, cpu_embedding<float>, nullptr}},
      {"rms_norm", {cpu_rms_norm<double>, cpu_rms_norm<float>, bound_rms_norm}},
      {"layer_norm", {cpu_layer_norm<double>, cpu_layer_norm<float>, bound_layer_norm}},
      {"silu", {cpu_activation<double>, cpu_activation<float>, bound_activation}},
      {"gelu", {cpu_activation<double>, cpu_activation<float>, bound_activation}},
      {"gelu_tanh", {cpu_activation<double>, cpu_activation<float>, bound_activation}},
      {"relu", {cpu_activation<double>, cpu_activation<float>, bound_activation}},
      {"relu2", {cpu_activation<double>, cpu_activation<float>, bound_activation}},
      {"act_mul", {cpu_act_mul<double>, cpu_act_mul<float>, bound_act_mul}},
      {"act_mul_halves", {cpu_act_mul_halves<double>, cpu_act_mul_halves<float>, bound_act_mul_halves}},
      {"add", {cpu_add<double>, cpu_add<float>, bound_add}},
      {"mul", {cpu_mul<double>, cpu_mul<float>, bound_mul}},
      {"chunk", {cpu_chunk<double>, cpu_chunk<float>, nullptr}},
      {"concat", {cpu_concat<double>, cpu_concat<float>, nullptr}},
      {"reshape", {cpu_reshape<double>, cpu_reshape<float>, nullptr}},
      {"transpose", {cpu_transpose<double>, cpu_transpose<float>, nullptr}},
      {"patches", {cpu_patches<double>, cpu_patches<float>, nullptr}},
      {"rope", {cpu_rope<double>, cpu_rope<float>, bound_rope}},
      {"attention", {cpu_attention<double>, cpu_attention<float>, bound_attention}},
      {"route", {cpu_route<double>, cpu_route<float>, bound_route, 0}},
      {"experts", {cpu_experts<double>, cpu_experts<float>, bound_experts}},
      {"grouped_experts", {cpu_experts<double>, cpu_experts<float>, bound_experts}}};
  const auto found = all.find(name);
  if (found == all.end()) throw std::logic_error("the CPU backend has no operation " + name);
  return found->second;
}

Reference evaluate_reference(const BoundProgram& program, const Given& given, const Routes* forced,
                             const JudgedRun& judged) {
  Reference out{begin_values<double>(program, given.inputs), {}};
  out.bounds.resize(program.shapes.size());
  for (std::size_t i = 0; i < given.inputs.size(); ++i) out.bounds[i] = Array<double>(program.shapes[i]);
  std::size_t route = 0;
  for (const auto& step : program.steps) {
    const CpuOperation& operation = cpu_operation(step.operation);
    Call<double> call{step, out.values, given.weights, program.shapes};
    call.products = judged.products;
    if (step.operation == "route" && forced != nullptr) call.forced = &forced->at(route++);
    auto results = results_of<double>(program, step);
    operation.reference(call, results);
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
  const CpuOperation& operation = cpu_operation(step.operation);
  const bool fused = order == Order::kLibrary && (step.inside || step.operation == "grouped_experts");
  Call<float> call{step, values, weights, program.shapes, order};
  call.inner_format = fused ? nullptr : &format;
  auto results = results_of<float>(program, step);
  operation.run(call, results);
  if (!(order == Order::kLibrary && step.inside)) round_results(operation, format, results);
  return results;
}

Computed evaluate(const BoundProgram& program, const Given& given, const NumberFormat& format, Order order) {
  Computed out{begin_values<float>(program, given.inputs), {}};
  for (const auto& step : program.steps) {
    auto results = evaluate_step(program, step, out.values, given.weights, format, order);
    if (step.operation == "route") out.routes.push_back(indices_of(results[0]));
    keep(step, results, out.values);
  }
  return out;
}

}  // namespace tenon
