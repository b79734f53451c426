#include "parity/check_module.h"

#include <fmt/format.h>

#include <optional>

#include "base/diagnostics.h"
#include "modules/bind_program.h"
#include "modules/module_names.h"
#include "parity/mutants.h"
#include "parity/seeded_inputs.h"

namespace tenon {
namespace {

class ModuleCheck {
 public:
  ModuleCheck(const ModuleRequest& request, PreparedModule prepared, Backend& backend)
      : request_(request),
        prepared_(std::move(prepared)),
        result_(std::move(prepared_.result)),
        backend_(backend) {}

  ModuleResult run() {
    bind();
    check_bitwise();
    check_bounds();
    check_power();
    if (request_.options.keep_outputs) keep_outputs();
    return std::move(result_);
  }

 private:
  // A side of the comparison: a program and the weights that it runs on.
  struct Side {
    BoundProgram program;
    Held weights;
  };

  // --- programs
  // --------------------------------------------------------------------------------------------------

  void bind() {
    format_ = chosen_format();
    result_.dtype = format_.dtype;
    const WeightShapes original_shapes = shapes_of(prepared_.original);
    const ModuleConfig names(request_.original.config, request_.instance.path, request_.program.settings);
    const BindRequest bind{request_.original.config, request_.options.tokens, names.names()};
    const auto shapes = input_shapes(request_.program, original_shapes, bind);
    const auto& inputs = request_.program.inputs;
    original_ = {bind_program(request_.program.original, inputs, shapes, original_shapes, bind),
                 backend_.hold(prepared_.original, format_)};
    fused_ = {bind_program(request_.program.fused, inputs, shapes, shapes_of(prepared_.fused), bind),
              backend_.hold(prepared_.fused, format_)};
    prepared_.original.clear();  // the backend has it
    for (std::size_t i = 0; i < inputs.size(); ++i)
      inputs_.push_back(input(inputs[i], shapes[i], original_shapes, bind));
    for (const auto& name : request_.program.compare) {
      if (shape(original_, name) != shape(fused_, name))
        throw UserError("parity-layouts-differ"_id, request_.program.place,
                        fmt::format("'{}' is {} of the original module and {} of the fused one", name,
                                    to_string(shape(original_, name)), to_string(shape(fused_, name))));
    }
  }

  Array<float> input(const ModuleInput& input, const Shape& shape, const WeightShapes& weights,
                     const BindRequest& bind) const {
    const auto given = request_.options.inputs.find(input.name);
    if (given != request_.options.inputs.end()) return given_input(input, shape, given->second);
    const std::string name = request_.program.name + "/" + request_.instance.path + "/" + input.name;
    if (input.below.is_null()) return seeded_numbers(shape, format_, request_.options.seed, name);
    return seeded_integers(shape, input_limit(input, weights, bind), request_.options.seed, name);
  }

  // Weights and inputs are numbers of the format: what is not is rounded to it.
  Array<float> given_input(const ModuleInput& input, const Shape& shape, const Array<double>& given) const {
    if (given.shape != shape)
      throw UserError("parity-inputs"_id, {input.name, 0, 0, {}, "", ""},
                      fmt::format("the input '{}' of {} is {}, the one given is {}", input.name,
                                  request_.instance.path, to_string(shape), to_string(given.shape)));
    Array<float> out(shape);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<float>(input.below.is_null() ? round_to(format_, given[i]) : given[i]);
    return out;
  }

  // Of both sides, with the experts that exact scores choose.
  void keep_outputs() {
    for (const auto& [side, which] : {std::pair{"original", &original_}, {"fused", &fused_}}) {
      const Reference exact = backend_.reference(evaluation(which->program, *which->weights), nullptr);
      for (const auto& name : request_.program.compare)
        result_.outputs.push_back({side, name, value(which->program, exact.values, name)});
    }
  }

  NumberFormat chosen_format() const {
    if (request_.options.dtype) return *format_of(*request_.options.dtype);
    for (const auto& [name, tensors] : prepared_.original) {
      if (const auto format = format_of(tensors.front().dtype)) return *format;
    }
    return *format_of(DType::kF32);
  }

  static const Shape& shape(const Side& side, const std::string& value) {
    return side.program.shapes[static_cast<std::size_t>(side.program.slots.at(value))];
  }

  // The compared values of a side are wanted.
  Evaluation evaluation(const BoundProgram& program, const BackendWeights& weights) const {
    Evaluation out{program, weights, inputs_, format_, {}};
    for (const auto& name : request_.program.compare) out.wanted.push_back(program.slots.at(name));
    return out;
  }

  Computed compute(const Side& side, Order order) const {
    return backend_.run(evaluation(side.program, *side.weights), order);
  }

  template <typename T>
  static const Array<T>& value(const BoundProgram& program, const std::vector<Array<T>>& values,
                               const std::string& name) {
    return values[static_cast<std::size_t>(program.slots.at(name))];
  }

  // --- checks 2 to 5
  // ---------------------------------------------------------------------------------------------

  void check_bitwise() {
    fixed_ = compute(original_, Order::kFixed);
    const Computed fused = compute(fused_, Order::kFixed);
    for (const auto& name : request_.program.compare)
      result_.bitwise_elements += static_cast<std::int64_t>(value(fused_.program, fused.values, name).size());
    result_.bitwise_differ = differing(fused_.program, fused);
  }

  std::int64_t differing(const BoundProgram& program, const Computed& computed) const {
    std::int64_t count = 0;
    for (const auto& name : request_.program.compare)
      count += differing_bits(value(original_.program, fixed_.values, name),
                              value(program, computed.values, name));
    return count;
  }

  void check_bounds() {
    const Computed original = compute(original_, Order::kLibrary);
    const Computed fused = compute(fused_, Order::kLibrary);
    result_.original_seconds = backend_.seconds(evaluation(original_.program, *original_.weights));
    result_.fused_seconds = backend_.seconds(evaluation(fused_.program, *fused_.weights));
    routes_ = fused.routes;
    reference_ = exact_for(original.routes);
    reference_routes_ = original.routes;
    bool admissible = true;
    result_.original = deviation(original_.program, original, admissible);
    result_.fused = deviation(fused_.program, fused, admissible);
    result_.routes_admissible = admissible;
  }

  // The exact result, with the experts that the run to be judged chose: near a tie rounding may choose
  // others.
  Reference exact_for(const Routes& routes) const {
    return backend_.reference(evaluation(original_.program, *original_.weights), &routes);
  }

  Deviation deviation(const BoundProgram& program, const Computed& computed, bool& admissible) const {
    if (computed.routes.size() != reference_routes_.size())
      throw UserError("parity-routing-differs"_id, request_.program.place,
                      "the original and the fused program differ in their routing steps");
    std::optional<Reference> other;
    if (computed.routes != reference_routes_) other = exact_for(computed.routes);
    const Reference& exact = other ? *other : reference_;
    admissible = admissible && exact.admissible;
    Deviation out;
    for (const auto& name : request_.program.compare) {
      out.merge(compare(name, value(original_.program, exact.values, name),
                        value(original_.program, exact.bounds, name), value(program, computed.values, name),
                        format_));
    }
    return out;
  }

  void check_power() {
    for (const auto& mutant : mutants_of(fused_.program, prepared_.fused, routes_)) {
      MutantResult out{mutant.name, mutant.weight, changes_bytes(prepared_.fused, mutant.change), false, {}};
      if (out.applies) judge(mutant, out);
      result_.mutants.push_back(std::move(out));
    }
  }

  void judge(const Mutant& mutant, MutantResult& out) const {
    const Held weights = backend_.changed(*fused_.weights, format_, mutant.change);
    const BoundProgram& program = fused_.program;
    const Evaluation changed = evaluation(program, *weights);
    // Weights that differ from those that check 1 found to be the plan's are not the plan's.
    const bool bytes = result_.bytes_hold();
    const bool bitwise = differing(program, backend_.run(changed, Order::kFixed)) > 0;
    bool admissible = true;
    const Deviation moved = deviation(program, backend_.run(changed, Order::kLibrary), admissible);
    const bool bounded = !moved.holds() || !admissible;
    const bool worse = !(moved.largest_error <= 2 * result_.original.largest_error + moved.rounding_floor);
    if (bytes) out.killed_by.emplace_back("bytes");
    if (bitwise) out.killed_by.emplace_back("bitwise");
    if (bounded) out.killed_by.emplace_back("bounded");
    if (worse) out.killed_by.emplace_back("no worse");
    out.killed = mutant.numeric ? bitwise || bounded || worse : !out.killed_by.empty();
  }

  const ModuleRequest& request_;
  PreparedModule prepared_;
  ModuleResult result_;
  Backend& backend_;
  NumberFormat format_;
  Side original_;
  Side fused_;
  std::vector<Array<float>> inputs_;
  Computed fixed_;       // the original, in the fixed order
  Reference reference_;  // for the original's routes
  Routes reference_routes_;
  Routes routes_;  // the fused module's
};

}  // namespace

ModuleResult check_module(const ModuleRequest& request, PreparedModule prepared, Backend& backend) {
  return ModuleCheck(request, std::move(prepared), backend).run();
}

}  // namespace tenon
