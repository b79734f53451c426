#include "parity/check_module.h"

#include <fmt/format.h>

#include <chrono>

#include "parity/bind_program.h"
#include "parity/evaluate.h"
#include "parity/module_weights.h"
#include "parity/mutants.h"
#include "parity/seeded_inputs.h"

namespace tenon {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class ModuleCheck {
 public:
  explicit ModuleCheck(const ModuleRequest& request) : request_(request) {}

  ModuleResult run() {
    result_.program = request_.program.name;
    result_.rule = request_.program.rule;
    result_.path = request_.instance.path;
    result_.layer = layer_of(result_.path);
    read_original();
    make_fused();
    check_bytes();
    bind();
    check_bitwise();
    check_bounds();
    check_power();
    return std::move(result_);
  }

 private:
  // A side of the comparison: a program and the numbers that it runs on.
  struct Side {
    BoundProgram program;
    std::map<std::string, Array<float>> numbers;

    Given given(const std::vector<Array<float>>& inputs) const {
      Given out(program.shapes.size(), nullptr);
      for (std::size_t i = 0; i < inputs.size(); ++i) out[i] = &inputs[i];
      for (const auto& [name, array] : numbers) {
        const auto slot = program.slots.find(name);
        if (slot != program.slots.end()) out[static_cast<std::size_t>(slot->second)] = &array;
      }
      return out;
    }
  };

  // --- weights
  // ---------------------------------------------------------------------------------------------------

  void read_original() {
    const TensorReader reader(request_.original);
    const auto need = [&](std::uint32_t source) {
      if (!sources_.contains(source)) sources_[source] = reader.read(source);
    };
    for (const auto& [name, tensors] : request_.instance.original) {
      for (const auto i : tensors) {
        need(i);
        const Tensor& tensor = request_.original.tensors[i];
        original_weights_[name].push_back({tensor.key, tensor.dtype, tensor.shape, sources_.at(i)});
        result_.original_tensors.push_back({tensor.key, hash_of(sources_.at(i))});
      }
    }
    for (const auto& [name, outputs] : request_.instance.fused) {
      for (const auto i : outputs) {
        for (const auto source : sources_of(request_.plan.outputs[i].view)) need(source);
      }
    }
  }

  void make_fused() {
    for (const auto& [name, outputs] : request_.instance.fused) {
      for (const auto i : outputs) {
        const PlannedTensor& planned = request_.plan.outputs[i];
        Bytes bytes = request_.fused == nullptr ? gather(planned.view, sources_) : read_fused(planned);
        result_.fused_tensors.push_back({planned.key, hash_of(bytes)});
        fused_weights_[name].push_back(
            {planned.key, planned.view.dtype, planned.view.shape, std::move(bytes)});
      }
    }
  }

  Bytes read_fused(const PlannedTensor& planned) const {
    const Checkpoint& fused = *request_.fused;
    const Tensor* const tensor = fused.find(planned.key);
    const Place place{fused.directory.string(), 0, 0, {}, planned.key, ""};
    if (tensor == nullptr) throw UserError(place, "the fused checkpoint has no such tensor");
    if (tensor->dtype != planned.view.dtype || tensor->shape != planned.view.shape)
      throw UserError(place, fmt::format("{} {}, where the plan makes {} {}", name_of(tensor->dtype),
                                         to_string(tensor->shape), name_of(planned.view.dtype),
                                         to_string(planned.view.shape)));
    return TensorReader(fused).read(static_cast<std::size_t>(tensor - fused.tensors.data()));
  }

  // --- check 1
  // ---------------------------------------------------------------------------------------------------

  void check_bytes() { result_.bytes_differ = differing_tensors(fused_weights_, &result_.bytes_compared); }

  // Forward: the fused weights are what the plan makes. Back: put where they came from, they are the original
  // ones. The way back starts from the complement of the original bytes, so that one that is never written
  // shows.
  std::vector<std::string> differing_tensors(const ModuleWeights& fused, std::uint64_t* compared) const {
    std::vector<std::string> differ;
    SourceBytes back;
    std::map<std::uint32_t, std::uint64_t> covered;
    for (const auto& [name, outputs] : request_.instance.fused) {
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const PlannedTensor& planned = request_.plan.outputs[outputs[i]];
        const Bytes& bytes = fused.at(name)[i].bytes;
        if (gather(planned.view, sources_) != bytes) differ.push_back(planned.key);
        *compared += bytes.size();
        const auto size = static_cast<std::uint64_t>(bits_of(planned.view.dtype) / 8);
        for (const auto& piece : planned.view.pieces)
          covered[piece.source] += static_cast<std::uint64_t>(element_count(piece)) * size;
        for (const auto source : sources_of(planned.view)) {
          if (!back.contains(source)) back[source] = complement(sources_.at(source));
        }
        scatter(planned.view, bytes, back);
      }
    }
    for (const auto& [source, bytes] : back) {
      // A tensor of which only a part goes into this module is not whole on the way back.
      if (covered[source] == bytes.size() && bytes != sources_.at(source))
        differ.push_back(request_.original.tensors[source].key);
    }
    return differ;
  }

  static Bytes complement(Bytes bytes) {
    for (auto& byte : bytes) byte = ~byte;
    return bytes;
  }

  // --- programs
  // --------------------------------------------------------------------------------------------------

  void bind() {
    format_ = chosen_format();
    result_.dtype = format_.dtype;
    const WeightShapes original_shapes = shapes_of(original_weights_);
    const BindRequest bind{request_.original.config, request_.options.tokens};
    const auto shapes = input_shapes(request_.program, original_shapes, bind);
    const auto& inputs = request_.program.inputs;
    original_ = {bind_program(request_.program.original, inputs, shapes, original_shapes, bind),
                 numbers_of(original_weights_, format_)};
    fused_ = {bind_program(request_.program.fused, inputs, shapes, shapes_of(fused_weights_), bind),
              numbers_of(fused_weights_, format_)};
    for (std::size_t i = 0; i < inputs.size(); ++i)
      inputs_.push_back(input(inputs[i], shapes[i], original_shapes, bind));
    for (const auto& name : request_.program.compare) {
      if (shape(original_, name) != shape(fused_, name))
        throw UserError(request_.program.place,
                        fmt::format("'{}' is {} of the original module and {} of the fused one", name,
                                    to_string(shape(original_, name)), to_string(shape(fused_, name))));
    }
  }

  Array<float> input(const ModuleInput& input, const Shape& shape, const WeightShapes& weights,
                     const BindRequest& bind) const {
    const std::string name = request_.program.name + "/" + request_.instance.path + "/" + input.name;
    if (input.below.is_null()) return seeded_numbers(shape, format_, request_.options.seed, name);
    return seeded_integers(shape, input_limit(input, weights, bind), request_.options.seed, name);
  }

  NumberFormat chosen_format() const {
    if (request_.options.dtype) return *format_of(*request_.options.dtype);
    for (const auto& [name, tensors] : original_weights_) {
      if (const auto format = format_of(tensors.front().dtype)) return *format;
    }
    return *format_of(DType::kF32);
  }

  static const Shape& shape(const Side& side, const std::string& value) {
    return side.program.shapes[static_cast<std::size_t>(side.program.slots.at(value))];
  }

  Computed compute(const Side& side, Order order) const {
    return evaluate(side.program, side.given(inputs_), inputs_.size(), format_, order);
  }

  template <typename T>
  static const Array<T>& value(const Side& side, const std::vector<Array<T>>& values,
                               const std::string& name) {
    return values[static_cast<std::size_t>(side.program.slots.at(name))];
  }

  // --- checks 2 to 5
  // ---------------------------------------------------------------------------------------------

  void check_bitwise() {
    fixed_ = compute(original_, Order::kFixed);
    const Computed fused = compute(fused_, Order::kFixed);
    for (const auto& name : request_.program.compare)
      result_.bitwise_elements += static_cast<std::int64_t>(value(fused_, fused.values, name).size());
    result_.bitwise_differ = differing(fused_, fused);
  }

  std::int64_t differing(const Side& side, const Computed& computed) const {
    std::int64_t count = 0;
    for (const auto& name : request_.program.compare)
      count += differing_bits(value(original_, fixed_.values, name), value(side, computed.values, name));
    return count;
  }

  void check_bounds() {
    Computed original, fused;
    result_.original_seconds = seconds_of([&] { original = compute(original_, Order::kLibrary); });
    result_.fused_seconds = seconds_of([&] { fused = compute(fused_, Order::kLibrary); });
    routes_ = fused.routes;
    reference_ = exact_for(original.routes);
    reference_routes_ = original.routes;
    bool admissible = true;
    result_.original = deviation(original_, original, admissible);
    result_.fused = deviation(fused_, fused, admissible);
    result_.routes_admissible = admissible;
  }

  // The exact result, with the experts that the run to be judged chose: near a tie rounding may choose
  // others.
  Reference exact_for(const Routes& routes) const {
    return evaluate_reference(original_.program, original_.given(inputs_), inputs_.size(), format_, &routes);
  }

  Deviation deviation(const Side& side, const Computed& computed, bool& admissible) const {
    if (computed.routes.size() != reference_routes_.size())
      throw UserError(request_.program.place,
                      "the original and the fused program differ in their routing steps");
    std::optional<Reference> other;
    if (computed.routes != reference_routes_) other = exact_for(computed.routes);
    const Reference& exact = other ? *other : reference_;
    admissible = admissible && exact.admissible;
    Deviation out;
    for (const auto& name : request_.program.compare) {
      out.merge(compare(name, value(original_, exact.values, name), value(original_, exact.bounds, name),
                        value(side, computed.values, name), format_));
    }
    return out;
  }

  void check_power() {
    for (const auto& mutant : mutants_of(fused_.program, fused_weights_, routes_)) {
      ModuleWeights weights = fused_weights_;
      MutantResult out{mutant.name, mutant.weight, mutant.apply(weights), false, {}};
      if (out.applies) judge(mutant, weights, out);
      result_.mutants.push_back(std::move(out));
    }
  }

  void judge(const Mutant& mutant, const ModuleWeights& weights, MutantResult& out) const {
    std::uint64_t compared = 0;
    const bool bytes = !differing_tensors(weights, &compared).empty();
    const Side side{fused_.program, numbers_of(weights, format_)};
    const bool bitwise = differing(side, compute(side, Order::kFixed)) > 0;
    bool admissible = true;
    const Deviation moved = deviation(side, compute(side, Order::kLibrary), admissible);
    const bool bounded = !moved.holds() || !admissible;
    const bool worse = !(moved.largest_error <= 2 * result_.original.largest_error + moved.rounding_floor);
    if (bytes) out.killed_by.emplace_back("bytes");
    if (bitwise) out.killed_by.emplace_back("bitwise");
    if (bounded) out.killed_by.emplace_back("bounded");
    if (worse) out.killed_by.emplace_back("no worse");
    out.killed = mutant.numeric ? bitwise || bounded || worse : !out.killed_by.empty();
  }

  const ModuleRequest& request_;
  ModuleResult result_;
  SourceBytes sources_;
  ModuleWeights original_weights_;
  ModuleWeights fused_weights_;
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

ModuleResult check_module(const ModuleRequest& request) {
  return ModuleCheck(request).run();
}

}  // namespace tenon
