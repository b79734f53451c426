#include "parity/cuda_steps.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

#include "parity/attributes.h"
#include "parity/cpu_operations.h"

namespace tenon {
namespace {

std::int64_t product(const std::int64_t* from, const std::int64_t* to) {
  std::int64_t n = 1;
  for (; from != to; ++from) n *= *from;
  return n;
}

// As rows of its last axis.
tenon_tensor matrix(const tenon_tensor& tensor) {
  const std::int64_t columns = tensor.rank == 0 ? 1 : tensor.shape[tensor.rank - 1];
  return reshaped(tensor, {columns == 0 ? 0 : element_count(tensor) / columns, columns});
}

int activation_code(const std::string& name) {
  switch (activation_of(name)) {
    case Activation::kSilu:
      return TENON_SILU;
    case Activation::kGelu:
      return TENON_GELU;
    case Activation::kGeluTanh:
      return TENON_GELU_TANH;
    case Activation::kRelu:
      return TENON_RELU;
    case Activation::kRelu2:
      break;
  }
  throw std::logic_error("the CUDA module has no activation " + name);
}

class StepRunner {
 public:
  StepRunner(const StepPlace& place, const BoundStep& step, int mode)
      : p_(place), step_(step), mode_(mode), attributes_(step.attributes) {}

  /// False where the module has no kernel for this step, which then runs as those that it stands for.
  bool run() {
    using Runner = void (StepRunner::*)();
    static const std::map<std::string, Runner> runners = {{"linear", &StepRunner::linear},
                                                          {"conv2d", &StepRunner::conv},
                                                          {"conv3d", &StepRunner::conv},
                                                          {"depthwise_conv1d", &StepRunner::depthwise},
                                                          {"embedding", &StepRunner::embedding},
                                                          {"rms_norm", &StepRunner::rms_norm},
                                                          {"layer_norm", &StepRunner::layer_norm},
                                                          {"silu", &StepRunner::activation},
                                                          {"gelu", &StepRunner::activation},
                                                          {"gelu_tanh", &StepRunner::activation},
                                                          {"relu", &StepRunner::activation},
                                                          {"act_mul", &StepRunner::act_mul},
                                                          {"act_mul_halves", &StepRunner::act_mul_halves},
                                                          {"add", &StepRunner::add},
                                                          {"mul", &StepRunner::mul},
                                                          {"chunk", &StepRunner::chunk},
                                                          {"concat", &StepRunner::concat},
                                                          {"reshape", &StepRunner::reshape},
                                                          {"transpose", &StepRunner::transpose},
                                                          {"patches", &StepRunner::patches},
                                                          {"rope", &StepRunner::rope},
                                                          {"attention", &StepRunner::attention},
                                                          {"route", &StepRunner::route},
                                                          {"experts", &StepRunner::experts},
                                                          {"grouped_experts", &StepRunner::grouped_experts},
                                                          {"qkv_linear", &StepRunner::qkv_linear},
                                                          {"gated_mlp", &StepRunner::gated_mlp},
                                                          {"rms_norm_linear", &StepRunner::rms_norm_linear},
                                                          {"rms_norm_mlp", &StepRunner::rms_norm_mlp},
                                                          {"patch_linear", &StepRunner::patch_linear}};
    const auto found = runners.find(step_.operation);
    if (found == runners.end()) return false;
    if (lacks_kernel()) return false;
    (this->*found->second)();
    return true;
  }

 private:
  // Forms of an operation that the module does not have.
  bool lacks_kernel() const {
    const std::string& name = step_.operation;
    if (attributes_.text("act") == "relu2") return true;
    if (name == "grouped_experts" && has("gate_up")) return false;
    if (name == "grouped_experts" && attributes_.flag("transposed")) return true;
    return (name == "experts" || name == "grouped_experts") && !has("gate");
  }

  bool has(const std::string& name) const {
    const auto found = step_.operands.find(name);
    return found != step_.operands.end() && !found->second.empty();
  }
  // The operand; data == nullptr where it was left out.
  tenon_tensor in(const std::string& name, std::size_t i = 0) const {
    return has(name) ? value(step_.operands.at(name).at(i)) : tenon_tensor{};
  }
  const tenon_tensor& value(int slot) const { return p_.values[static_cast<std::size_t>(slot)].tensor; }
  tenon_tensor out(std::size_t i = 0) const { return value(step_.out.at(i)); }
  const Shape& shape_of(const std::string& name, std::size_t i = 0) const {
    return p_.program.shapes[static_cast<std::size_t>(step_.operands.at(name).at(i))];
  }
  const Shape& out_shape(std::size_t i = 0) const {
    return p_.program.shapes[static_cast<std::size_t>(step_.out.at(i))];
  }
  int act() const {
    return activation_code(attributes_.has("act") ? attributes_.text("act") : step_.operation);
  }
  template <class Args>
  void queue(int (*operation)(tenon_context*, int, const Args*), const Args& args) {
    p_.module.run(operation, mode_, args, ("run " + step_.operation + " on").c_str());
  }
  const tenon_cuda_table& api() const { return p_.module.api(); }

  void linear() {
    queue(api().linear, tenon_linear_args{matrix(in("x")), in("weight"), in("bias"), matrix(out()),
                                          attributes_.flag("transposed"), 0});
  }

  // Two axes are three of which the first is 1.
  static tenon_tensor with_depth(const tenon_tensor& t) {
    return t.rank == 5 ? t : reshaped(t, {t.shape[0], t.shape[1], 1, t.shape[2], t.shape[3]});
  }

  void conv() {
    tenon_conv_args args{
        with_depth(in("x")), with_depth(in("weight")), in("bias"), with_depth(out()), {1, 1, 1}, {}, 0, 0};
    const std::size_t axes = step_.operation == "conv2d" ? 2 : 3;
    const auto stride = attributes_.integers("stride", Shape(axes, 1));
    const auto padding = attributes_.integers("padding", Shape(axes, 0));
    std::copy(stride.begin(), stride.end(), args.stride + 3 - axes);
    std::copy(padding.begin(), padding.end(), args.padding + 3 - axes);
    queue(api().conv, args);
  }

  void depthwise() {
    const tenon_tensor x = in("x");
    const tenon_tensor weight = in("weight");
    const tenon_tensor result = out();
    queue(api().depthwise_conv1d,
          tenon_depthwise_conv1d_args{reshaped(x, {1, x.shape[0], x.shape[1]}),
                                      reshaped(weight, {weight.shape[0], weight.shape[weight.rank - 1]}),
                                      in("bias"), reshaped(result, {1, x.shape[0], x.shape[1]}),
                                      TENON_IDENTITY, 0});
  }

  void embedding() {
    const tenon_tensor ids = in("ids");
    queue(api().embedding,
          tenon_embedding_args{reshaped(ids, {element_count(ids)}), in("weight"), matrix(out())});
  }

  tenon_rms_norm_args norm() const {
    return {matrix(in("x")),
            in("weight"),
            in("bias"),
            matrix(out()),
            attributes_.real("epsilon"),
            attributes_.real("offset", 0)};
  }
  void rms_norm() { queue(api().rms_norm, norm()); }
  void layer_norm() { queue(api().layer_norm, norm()); }

  void activation() { queue(api().activation, tenon_activation_args{in("x"), out(), act()}); }
  void act_mul() { queue(api().act_mul, tenon_act_mul_args{in("x"), in("y"), out(), act()}); }
  void act_mul_halves() {
    queue(api().act_mul_halves,
          tenon_act_mul_halves_args{matrix(in("x")), matrix(out()), act(), attributes_.flag("interleaved")});
  }
  void add() { queue(api().add, tenon_add_args{in("x"), in("y"), out()}); }
  void mul() { queue(api().mul, tenon_mul_args{in("x"), in("y"), out()}); }

  static tenon_tensor flat(const tenon_tensor& tensor) { return reshaped(tensor, {element_count(tensor)}); }

  // Copies between a whole and the part of it that begins at `from` along an axis.
  void copy_part(const tenon_tensor& whole, const Shape& whole_shape, const tenon_tensor& part,
                 const Shape& part_shape, std::int64_t from, bool into_whole) {
    const std::int64_t given = attributes_.integer("axis");
    const auto rank = static_cast<std::int64_t>(whole_shape.size());
    const std::int64_t* const at = whole_shape.data() + (given < 0 ? given + rank : given);
    const std::int64_t inner = product(at + 1, whole_shape.data() + rank);
    const std::int64_t run = part_shape[static_cast<std::size_t>(at - whole_shape.data())] * inner;
    const std::int64_t pitch = *at * inner;
    tenon_copy_args args{};
    args.rank = 2;
    args.x = flat(into_whole ? part : whole), args.out = flat(into_whole ? whole : part);
    args.extents[0] = product(whole_shape.data(), at), args.extents[1] = run;
    args.x_strides[0] = into_whole ? run : pitch, args.x_strides[1] = 1;
    args.out_strides[0] = into_whole ? pitch : run, args.out_strides[1] = 1;
    (into_whole ? args.out_offset : args.x_offset) = from * inner;
    queue(api().copy, args);
  }

  std::int64_t extent_along(const Shape& shape) const {
    const std::int64_t axis = attributes_.integer("axis");
    return shape[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis)];
  }

  void chunk() {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < step_.out.size(); ++i) {
      copy_part(in("x"), shape_of("x"), out(i), out_shape(i), from, false);
      from += extent_along(out_shape(i));
    }
  }

  void concat() {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < step_.operands.at("xs").size(); ++i) {
      copy_part(out(), out_shape(), in("xs", i), shape_of("xs", i), from, true);
      from += extent_along(shape_of("xs", i));
    }
  }

  // The copy of a tensor whose element i stands at i . strides of x.
  void copy_strided(const Shape& extents, const Shape& strides) {
    tenon_copy_args args{};
    args.x = flat(in("x")), args.out = flat(out());
    args.rank = static_cast<std::int32_t>(extents.size());
    std::int64_t dense = 1;
    for (std::size_t i = extents.size(); i-- > 0;) {
      args.extents[i] = extents[i];
      args.x_strides[i] = strides[i];
      args.out_strides[i] = dense;
      dense *= extents[i];
    }
    queue(api().copy, args);
  }

  void reshape() { copy_strided({element_count(in("x"))}, {1}); }

  void transpose() {
    const Shape& shape = shape_of("x");
    Shape strides;
    for (const auto axis : attributes_.integers("axes", {}))
      strides.push_back(product(shape.data() + axis + 1, shape.data() + shape.size()));
    copy_strided(out_shape(), strides);
  }

  void patches() {
    const Shape& x = shape_of("x");
    const auto patch = attributes_.integers("patch", {});
    const std::int64_t row = x[4];
    const std::int64_t plane = x[3] * row;
    const std::int64_t volume = x[2] * plane;
    copy_strided(
        {x[0], x[2] / patch[0], x[3] / patch[1], x[4] / patch[2], x[1], patch[0], patch[1], patch[2]},
        {x[1] * volume, patch[0] * plane, patch[1] * row, patch[2], volume, plane, row, 1});
  }

  const RotationTables::Table& rotation(std::int64_t tokens, std::int64_t width) {
    return p_.tables.table(tokens, attributes_.integer("rotary_dim", width), attributes_.real("theta"));
  }

  void rope() {
    const tenon_tensor x = in("x");
    const auto& table = rotation(x.shape[0], x.shape[2]);
    queue(api().rope,
          tenon_rope_args{x, table.cos.tensor, table.sin.tensor, out(), attributes_.flag("interleaved")});
  }

  void attention() {
    const tenon_tensor q = in("q");
    queue(api().attention,
          tenon_attention_args{q, in("k"), in("v"), out(),
                               attributes_.real("scale", 1 / std::sqrt(static_cast<double>(q.shape[2]))),
                               attributes_.flag("causal", true), attributes_.integer("window", 0), 0});
  }

  void route() {
    const std::int64_t groups = attributes_.integer("groups", 1);
    queue(api().route, tenon_route_args{in("logits"), in("correction"), out(0), out(1),
                                        attributes_.text("scoring", "softmax") == "sigmoid" ? TENON_SIGMOID
                                                                                            : TENON_SOFTMAX,
                                        attributes_.flag("normalise"), static_cast<std::int32_t>(groups),
                                        static_cast<std::int32_t>(attributes_.integer("groups_kept", groups)),
                                        attributes_.flag("group_top2"), attributes_.real("scale", 1)});
  }

  void run_experts(const std::vector<tenon_tensor>& gate, const std::vector<tenon_tensor>& up,
                   const std::vector<tenon_tensor>& down) {
    queue(api().experts,
          tenon_experts_args{in("x"), in("indices"), in("weights"), out(), gate.data(), up.data(),
                             down.data(), static_cast<std::int32_t>(gate.size()), act()});
  }

  void experts() {
    std::vector<tenon_tensor> gate, up, down;
    for (std::size_t e = 0; e < step_.operands.at("up").size(); ++e) {
      gate.push_back(in("gate", e));
      up.push_back(in("up", e));
      down.push_back(in("down", e));
    }
    run_experts(gate, up, down);
  }

  // Matrix e of a stack.
  static tenon_tensor slice(const tenon_tensor& stack, std::int64_t e) {
    tenon_tensor out = reshaped(stack, {stack.shape[1], stack.shape[2]});
    out.data = static_cast<std::byte*>(stack.data) +
               static_cast<std::size_t>(e * stack.shape[1] * stack.shape[2]) * element_size(stack);
    return out;
  }

  // Stacks of their own for gate and up: expert by expert.
  void separate_stacks() {
    std::vector<tenon_tensor> gate, up, down;
    for (std::int64_t e = 0; e < in("up").shape[0]; ++e) {
      gate.push_back(slice(in("gate"), e));
      up.push_back(slice(in("up"), e));
      down.push_back(slice(in("down"), e));
    }
    run_experts(gate, up, down);
  }

  void grouped_experts() {
    if (!has("gate_up")) return separate_stacks();
    queue(api().grouped_experts,
          tenon_grouped_experts_args{in("x"), in("indices"), in("weights"), in("gate_up"), in("down"), out(),
                                     act(), attributes_.flag("interleaved"), attributes_.flag("transposed")});
  }

  void qkv_linear() {
    const tenon_tensor x = matrix(in("x"));
    tenon_qkv_linear_args args{
        x, in("weight"), in("bias"), {}, {}, out(0), out(1), out(2), 0, attributes_.flag("interleaved"), 0};
    if (attributes_.has("theta")) {
      const auto& table = rotation(x.shape[0], attributes_.integer("head_dim"));
      args.cos = table.cos.tensor, args.sin = table.sin.tensor;
    }
    queue(api().qkv_linear, args);
  }

  // gate and up, where they are two weights, stand one behind the other.
  tenon_tensor gate_up() const {
    if (has("gate_up")) return in("gate_up");
    const tenon_tensor gate = in("gate");
    return reshaped(gate, {2 * gate.shape[0], gate.shape[1]});
  }

  tenon_gated_mlp_args mlp() const {
    return {matrix(in("x")),
            gate_up(),
            in("gate_up_bias"),
            in("down"),
            in("down_bias"),
            matrix(out()),
            act(),
            attributes_.flag("interleaved")};
  }
  void gated_mlp() { queue(api().gated_mlp, mlp()); }
  void rms_norm_mlp() {
    queue(api().rms_norm_mlp, tenon_rms_norm_mlp_args{mlp(), in("norm"), attributes_.real("epsilon"),
                                                      attributes_.real("offset", 0)});
  }
  void rms_norm_linear() {
    queue(api().rms_norm_linear,
          tenon_rms_norm_linear_args{matrix(in("x")), in("norm"), in("weight"), in("bias"), matrix(out()),
                                     attributes_.real("epsilon"), attributes_.real("offset", 0)});
  }

  void patch_linear() {
    tenon_patch_linear_args args{in("x"), in("weight"), in("bias"), matrix(out()), {}};
    const auto patch = attributes_.integers("patch", {});
    std::copy(patch.begin(), patch.end(), args.patch);
    queue(api().patch_linear, args);
  }

  const StepPlace& p_;
  const BoundStep& step_;
  int mode_;
  Attributes attributes_;
};

}  // namespace

bool run_on_gpu(const StepPlace& place, const BoundStep& step, int mode) {
  return StepRunner(place, step, mode).run();
}

}  // namespace tenon
