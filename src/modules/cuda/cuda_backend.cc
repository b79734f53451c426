#include "modules/cuda/cuda_backend.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "modules/cuda/cuda_program.h"
#include "modules/cuda/cuda_weights.h"
#include "modules/cuda/rotation_tables.h"
#include "modules/evaluate.h"

namespace tenon {
namespace {

// FP64 products by the module's reference kernel.
class CudaProducts : public Products {
 public:
  CudaProducts(const CudaModule& module, DeviceMemory& memory) : module_(module), memory_(memory) {}

  void name(const Weight* weight, const tenon_tensor& tensor) { weights_[weight] = tensor; }

  void multiply(const double* x, std::int64_t m, const Matrix& w, double* out) override {
    if (m == 0 || w.n == 0) return;
    const DeviceTensor left = memory_.make({m, w.k}, TENON_F64);
    memory_.upload(left.tensor, std::as_bytes(std::span(x, static_cast<std::size_t>(m * w.k))));
    const DeviceTensor result = memory_.make({m, w.n}, TENON_F64);
    const bool transposed = w.row_stride == 1 && w.column_stride == w.n && w.n > 1;
    const DeviceTensor right = matrix_of(w, transposed);
    module_.run(module_.api().linear, TENON_REFERENCE,
                tenon_linear_args{left.tensor, right.tensor, {}, result.tensor, transposed, w.absolute},
                "run an FP64 product on");
    memory_.download(std::as_writable_bytes(std::span(out, static_cast<std::size_t>(m * w.n))),
                     result.tensor);
  }

 private:
  // [n, k], or [k, n] where `transposed`; part of the weight as it stands, or a copy where its strides are
  // others.
  DeviceTensor matrix_of(const Matrix& w, bool transposed) {
    const tenon_tensor& whole = weights_.at(w.weight);
    DeviceTensor part;
    part.tensor = transposed ? reshaped(whole, {w.k, w.n}) : reshaped(whole, {w.n, w.k});
    part.tensor.data =
        static_cast<std::byte*>(whole.data) + static_cast<std::size_t>(w.first) * element_size(whole);
    const bool dense = transposed || (w.column_stride == 1 && w.row_stride == w.k);
    if (dense) return part;
    part = memory_.make({w.n, w.k}, whole.dtype);
    tenon_copy_args args{};
    args.x = reshaped(whole, {element_count(whole)}), args.out = part.tensor;
    args.rank = 2;
    args.extents[0] = w.n, args.extents[1] = w.k;
    args.x_strides[0] = w.row_stride, args.x_strides[1] = w.column_stride;
    args.out_strides[0] = w.k, args.out_strides[1] = 1;
    args.x_offset = w.first;
    module_.run(module_.api().copy, TENON_REFERENCE, args, "copy a weight on");
    return part;
  }

  const CudaModule& module_;
  DeviceMemory& memory_;
  std::map<const Weight*, tenon_tensor> weights_;
};

// The weights that a step's reference multiplies by, and so takes through CudaProducts; it reads the others
// itself.
bool multiplied(const ModuleOperation& operation, const std::string& operand) {
  return std::any_of(operation.parameters.begin(), operation.parameters.end(),
                     [&](const Parameter& p) { return p.multiplied && p.name == operand; });
}

class CudaBackend : public Backend {
 public:
  explicit CudaBackend(std::unique_ptr<CudaModule> module)
      : module_(std::move(module)), memory_(*module_), numbers_(*module_, memory_), tables_(memory_) {
    for (auto& event : events_)
      module_->check(module_->api().event_create(module_->context(), &event), "time");
  }
  ~CudaBackend() override {
    for (auto* const event : events_) module_->api().event_release(module_->context(), event);
  }
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string name() const override { return "cuda"; }
  std::string machine() const override { return module_->machine(); }
  Held hold(const ModuleWeights& weights, const NumberFormat& format) override {
    return hold_on_gpu(*module_, memory_, weights, format);
  }
  Held changed(const BackendWeights& weights, const NumberFormat&, const WeightChange& change) override {
    return change_on_gpu(*module_, memory_, weights, change);
  }

  Computed run(const Evaluation& e, Order order) override {
    CudaProgram program = begin(e);
    program.run(order == Order::kFixed ? TENON_FIXED_ORDER : TENON_PRODUCTION);
    Computed out;
    out.values.resize(e.program.shapes.size());
    for (const int slot : e.wanted) {
      const auto i = static_cast<std::size_t>(slot);
      out.values[i] = numbers_.download(program.value(slot), e.program.shapes[i]);
    }
    for (const auto& step : e.program.steps) {
      if (step.operation->role == Role::kRoute)
        out.routes.push_back(numbers_.download_integers(program.value(step.out.front())));
    }
    return out;
  }

  Reference reference(const Evaluation& e, const Routes* forced) override {
    CudaProducts products(*module_, memory_);
    const CudaWeights& weights = gpu_weights(e.weights);
    // By slot: a weight's shape, and its numbers where the host needs them.
    std::map<int, Array<float>> arrays;
    std::map<int, ArrayWeight> names;
    RunOperands given{e.inputs, SlotWeights(e.program.shapes.size(), nullptr)};
    for (const auto& [name, tensor] : weights.slots) {
      const auto slot = e.program.slots.find(name);
      if (slot == e.program.slots.end()) continue;
      Array<float>& array = arrays[slot->second];
      array.shape = e.program.shapes[static_cast<std::size_t>(slot->second)];
      if (read_by_host(e.program, slot->second)) array = numbers_.download(tensor.tensor, array.shape);
      const Weight& weight = names.try_emplace(slot->second, array).first->second;
      products.name(&weight, tensor.tensor);
      given.weights[static_cast<std::size_t>(slot->second)] = &weight;
    }
    return evaluate_reference(e.program, given, forced, {accuracy(e.format), &products});
  }

  // The median of a few runs; the run that was judged has warmed up what there is to warm up.
  double seconds(const Evaluation& e) override {
    CudaProgram program = begin(e);
    std::array<float, 3> milliseconds{};
    for (auto& measured : milliseconds) {
      const auto& api = module_->api();
      module_->check(api.event_record(module_->context(), events_[0]), "time");
      program.run(TENON_PRODUCTION);
      module_->check(api.event_record(module_->context(), events_[1]), "time");
      module_->check(api.elapsed(module_->context(), events_[0], events_[1], &measured), "time");
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    return static_cast<double>(milliseconds[1]) / 1e3;
  }

 private:
  // The fused kernels' SiLU and GELU of BF16 and FP16 go by the fast exponential.
  static Accuracy accuracy(const NumberFormat& format) {
    Accuracy out = Accuracy::of(format);
    if (format.dtype != DType::kF32) out.activations = 0x1p-16;
    return out;
  }

  static bool read_by_host(const BoundProgram& program, int slot) {
    for (const auto& step : program.steps) {
      for (const auto& [operand, slots] : step.operands) {
        if (!multiplied(*step.operation, operand) &&
            std::find(slots.begin(), slots.end(), slot) != slots.end())
          return true;
      }
    }
    return false;
  }

  CudaProgram begin(const Evaluation& e) {
    std::vector<DeviceTensor> values(e.program.shapes.size());
    for (std::size_t i = 0; i < e.inputs.size(); ++i) {
      values[i] = holds_integers(e.program, static_cast<int>(i)) ? numbers_.upload_integers(e.inputs[i])
                                                                 : numbers_.upload(e.inputs[i], e.format);
    }
    for (const auto& [name, tensor] : gpu_weights(e.weights).slots) {
      const auto slot = e.program.slots.find(name);
      if (slot != e.program.slots.end()) values[static_cast<std::size_t>(slot->second)] = tensor;
    }
    return {*module_, memory_, tables_, e.program, std::move(values), e.format};
  }

  std::unique_ptr<CudaModule> module_;
  DeviceMemory memory_;
  DeviceNumbers numbers_;
  RotationTables tables_;
  std::array<tenon_event*, 2> events_{};
};

}  // namespace

std::filesystem::path find_cuda_module() {
  return CudaModule::find();
}

std::unique_ptr<Backend> open_cuda_backend(std::string& why) {
  auto module = CudaModule::open(why);
  return module == nullptr ? nullptr : std::make_unique<CudaBackend>(std::move(module));
}

}  // namespace tenon
