#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "parity/attributes.h"
#include "parity/operations.h"

namespace tenon {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw Misfit(message);
}

class Inference {
 public:
  Inference(const BoundStep& step, std::span<const Shape> shapes, std::size_t outputs)
      : step_(step), shapes_(shapes), outputs_(outputs), attributes_(step.attributes) {}

  std::vector<Shape> run() const {
    using Rule = std::vector<Shape> (Inference::*)() const;
    static const std::map<std::string_view, Rule> rules = {{"linear", &Inference::linear},
                                                           {"conv2d", &Inference::conv},
                                                           {"conv3d", &Inference::conv},
                                                           {"depthwise_conv1d", &Inference::depthwise},
                                                           {"embedding", &Inference::embedding},
                                                           {"rms_norm", &Inference::norm},
                                                           {"layer_norm", &Inference::norm},
                                                           {"silu", &Inference::same},
                                                           {"gelu", &Inference::same},
                                                           {"gelu_tanh", &Inference::same},
                                                           {"relu", &Inference::same},
                                                           {"relu2", &Inference::same},
                                                           {"act_mul", &Inference::pair},
                                                           {"act_mul_halves", &Inference::halves},
                                                           {"add", &Inference::pair},
                                                           {"mul", &Inference::pair},
                                                           {"chunk", &Inference::chunk},
                                                           {"concat", &Inference::concat},
                                                           {"reshape", &Inference::reshape},
                                                           {"transpose", &Inference::transpose},
                                                           {"rope", &Inference::rope},
                                                           {"attention", &Inference::attention},
                                                           {"route", &Inference::route},
                                                           {"experts", &Inference::experts},
                                                           {"grouped_experts", &Inference::grouped_experts},
                                                           {"patches", &Inference::patches}};
    const auto found = rules.find(step_.operation);
    if (found == rules.end()) throw std::logic_error("no shapes for " + step_.operation);
    return (this->*found->second)();
  }

 private:
  bool has(const std::string& name) const { return step_.operands.contains(name); }
  const Shape& of(const std::string& name, std::size_t i = 0) const {
    return shapes_[static_cast<std::size_t>(step_.operands.at(name).at(i))];
  }
  void rank(const std::string& name, std::size_t rank) const {
    require(of(name).size() == rank, fmt::format("{} has {} axes, not {}", name, rank, to_string(of(name))));
  }
  void vector_of(const std::string& name, std::int64_t extent) const {
    if (has(name))
      require(of(name) == Shape{extent},
              fmt::format("{} should be of shape [{}], it is {}", name, extent, to_string(of(name))));
  }

  std::vector<Shape> linear() const {
    rank("weight", 2);
    const bool transposed = attributes_.flag("transposed");
    const std::int64_t out = of("weight")[transposed ? 1 : 0];
    const std::int64_t in = of("weight")[transposed ? 0 : 1];
    require(!of("x").empty() && of("x").back() == in,
            fmt::format("x {} does not fit the weight {}", to_string(of("x")), to_string(of("weight"))));
    vector_of("bias", out);
    Shape shape = of("x");
    shape.back() = out;
    return {shape};
  }

  std::vector<Shape> conv() const {
    const std::size_t axes = step_.operation == "conv2d" ? 2 : 3;
    rank("x", axes + 2);
    rank("weight", axes + 2);
    require(of("x")[1] == of("weight")[1], "x and the weight differ in their channels");
    vector_of("bias", of("weight")[0]);
    const auto stride = attributes_.integers("stride", std::vector<std::int64_t>(axes, 1));
    const auto padding = attributes_.integers("padding", std::vector<std::int64_t>(axes, 0));
    require(stride.size() == axes && padding.size() == axes,
            fmt::format("stride and padding have {} extents", axes));
    Shape out = {of("x")[0], of("weight")[0]};
    for (std::size_t i = 0; i < axes; ++i) {
      const std::int64_t room = of("x")[i + 2] + 2 * padding[i] - of("weight")[i + 2];
      require(stride[i] > 0 && padding[i] >= 0 && room >= 0, "the kernel does not fit into x");
      out.push_back(room / stride[i] + 1);
    }
    return {out};
  }

  std::vector<Shape> depthwise() const {
    rank("x", 2);
    const Shape& w = of("weight");
    require((w.size() == 2 || (w.size() == 3 && w[1] == 1)) && w[0] == of("x")[1] && w.back() > 0,
            "the weight is [channels, 1, kernel]");
    vector_of("bias", w[0]);
    return {of("x")};
  }

  std::vector<Shape> embedding() const {
    rank("weight", 2);
    Shape out = of("ids");
    out.push_back(of("weight")[1]);
    return {out};
  }

  std::vector<Shape> norm() const {
    vector_of("weight", of("x").back());
    vector_of("bias", of("x").back());
    require(attributes_.real("epsilon") >= 0, "epsilon is negative");
    return {of("x")};
  }

  std::vector<Shape> same() const { return {of("x")}; }

  std::vector<Shape> pair() const {
    require(of("x") == of("y"), fmt::format("x {} and y {} differ", to_string(of("x")), to_string(of("y"))));
    return {of("x")};
  }

  std::vector<Shape> halves() const {
    Shape out = of("x");
    require(out.back() % 2 == 0, "x cannot be cut into two halves");
    out.back() /= 2;
    return {out};
  }

  std::size_t axis(const std::string& operand) const {
    const auto n = static_cast<std::int64_t>(of(operand).size());
    const std::int64_t axis = attributes_.integer("axis");
    require(axis >= -n && axis < n, fmt::format("there is no axis {}", axis));
    return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
  }

  std::vector<Shape> chunk() const {
    const std::size_t a = axis("x");
    const auto count = static_cast<std::int64_t>(outputs_);
    auto sizes = attributes_.integers("sizes", {});
    if (sizes.empty()) {
      require(of("x")[a] % count == 0, "x cannot be cut into equal parts");
      sizes.assign(outputs_, of("x")[a] / count);
    }
    require(sizes.size() == outputs_, "there are as many sizes as results");
    require(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == of("x")[a] &&
                *std::min_element(sizes.begin(), sizes.end()) >= 0,
            fmt::format("the sizes do not add up to {}", of("x")[a]));
    std::vector<Shape> out;
    for (const auto size : sizes) {
      out.push_back(of("x"));
      out.back()[a] = size;
    }
    return out;
  }

  std::vector<Shape> concat() const {
    const std::size_t a = axis("xs");
    Shape out = of("xs");
    for (std::size_t i = 1; i < step_.operands.at("xs").size(); ++i) {
      Shape other = of("xs", i);
      require(other.size() == out.size(), "the parts differ in their axes");
      out[a] += other[a];
      other[a] = out[a];
      require(other == out, "the parts differ outside the joined axis");
    }
    return {out};
  }

  std::vector<Shape> reshape() const {
    Shape out = attributes_.integers("shape", {});
    std::int64_t known = 1;
    for (const auto extent : out) known *= extent == -1 ? 1 : extent;
    const auto all = static_cast<std::int64_t>(element_count(of("x")).value_or(0));
    const auto open = std::find(out.begin(), out.end(), -1);
    if (open != out.end() && known > 0) *open = all / known;
    require(static_cast<std::int64_t>(element_count(out).value_or(0)) == all,
            fmt::format("{} does not hold the elements of {}", to_string(out), to_string(of("x"))));
    return {out};
  }

  std::vector<Shape> transpose() const {
    const auto axes = attributes_.integers("axes", {});
    auto sorted = axes;
    std::sort(sorted.begin(), sorted.end());
    Shape out;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      require(sorted[i] == static_cast<std::int64_t>(i), "'axes' names every axis of x once");
    }
    require(axes.size() == of("x").size(), "'axes' names every axis of x once");
    for (const auto a : axes) out.push_back(of("x")[static_cast<std::size_t>(a)]);
    return {out};
  }

  std::vector<Shape> rope() const {
    rank("x", 3);
    const std::int64_t rotary = attributes_.integer("rotary_dim", of("x")[2]);
    require(rotary > 0 && rotary <= of("x")[2] && rotary % 2 == 0,
            "rope turns an even number of a head's channels");
    return {of("x")};
  }

  std::vector<Shape> attention() const {
    rank("q", 3);
    rank("k", 3);
    require(of("k") == of("v"), "k and v differ in shape");
    require(of("q")[2] == of("k")[2] && of("k")[1] > 0 && of("q")[1] % of("k")[1] == 0 &&
                of("k")[0] >= of("q")[0],
            fmt::format("q {} does not fit k {}", to_string(of("q")), to_string(of("k"))));
    return {of("q")};
  }

  std::vector<Shape> route() const {
    rank("logits", 2);
    const std::int64_t experts = of("logits")[1];
    const std::int64_t k = attributes_.integer("k");
    const std::int64_t groups = attributes_.integer("groups", 1);
    const std::int64_t kept = attributes_.integer("groups_kept", groups);
    require(groups > 0 && experts % groups == 0 && kept > 0 && kept <= groups,
            "the experts do not make these groups");
    require(k > 0 && k <= experts / groups * kept,
            fmt::format("{} of {} experts", k, experts / groups * kept));
    vector_of("correction", experts);
    return {{of("logits")[0], k}, {of("logits")[0], k}};
  }

  void routed() const {
    rank("x", 2);
    require(of("indices").size() == 2 && of("indices") == of("weights") && of("indices")[0] == of("x")[0],
            "indices and weights do not fit x");
  }

  std::vector<Shape> experts() const {
    routed();
    const auto count = step_.operands.at("up").size();
    require(count > 0 && (!has("gate") || step_.operands.at("gate").size() == count) &&
                step_.operands.at("down").size() == count,
            "gate, up and down are as many");
    for (std::size_t e = 0; e < count; ++e) {
      const Shape& up = of("up", e);
      require(up.size() == 2 && up[1] == of("x")[1] && (!has("gate") || of("gate", e) == up) &&
                  of("down", e) == Shape{up[1], up[0]},
              fmt::format("gate, up and down of expert {} do not fit", e));
    }
    return {of("x")};
  }

  std::vector<Shape> grouped_experts() const {
    routed();
    rank("down", 3);
    if (!has("gate_up")) return separate_stacks();
    require(!has("gate") && !has("up"), "either gate_up, or up and perhaps gate");
    rank("gate_up", 3);
    const bool transposed = attributes_.flag("transposed");
    const Shape& both = of("gate_up");
    const Shape& down = of("down");
    const std::int64_t inner = down[transposed ? 1 : 2];
    require(both[0] == down[0] && both[transposed ? 1 : 2] == of("x")[1] &&
                both[transposed ? 2 : 1] == 2 * inner && down[transposed ? 2 : 1] == of("x")[1],
            fmt::format("gate_up {} and down {} do not fit x", to_string(both), to_string(down)));
    return {of("x")};
  }

  std::vector<Shape> separate_stacks() const {
    require(has("up"), "either gate_up, or up and perhaps gate");
    rank("up", 3);
    const bool transposed = attributes_.flag("transposed");
    const Shape& up = of("up");
    const Shape& down = of("down");
    require(up[transposed ? 1 : 2] == of("x")[1] && down == Shape{up[0], up[2], up[1]} &&
                (!has("gate") || of("gate") == up),
            fmt::format("up {} and down {} do not fit x", to_string(up), to_string(down)));
    return {of("x")};
  }

  std::vector<Shape> patches() const {
    rank("x", 5);
    const auto patch = attributes_.integers("patch", {});
    require(patch.size() == 3, "'patch' has three extents");
    std::int64_t places = of("x")[0];
    std::int64_t pixels = of("x")[1];
    for (std::size_t i = 0; i < 3; ++i) {
      require(patch[i] > 0 && of("x")[i + 2] % patch[i] == 0, "x is no whole number of patches");
      places *= of("x")[i + 2] / patch[i];
      pixels *= patch[i];
    }
    return {{places, pixels}};
  }

  const BoundStep& step_;
  std::span<const Shape> shapes_;
  std::size_t outputs_;
  Attributes attributes_;
};

}  // namespace

std::vector<Shape> infer_shapes(const BoundStep& step, std::span<const Shape> shapes, std::size_t outputs) {
  return Inference(step, shapes, outputs).run();
}

}  // namespace tenon
