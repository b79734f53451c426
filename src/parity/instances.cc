#include "parity/instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/text.h"
#include "checkpoint/natural_order.h"
#include "modules/bind_program.h"
#include "modules/module_names.h"
#include "modules/number_format.h"
#include "parity/tensor_bytes.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

std::vector<std::string_view> segments(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('.', from), text.size());
    out.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t out = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || at != text.data() + text.size() || out < 0) return std::nullopt;
  return out;
}

// A key that ends in a weight's name: the path before it, and the index that stands for `*`.
struct Ending {
  std::string path;
  std::int64_t index = 0;
};

std::optional<Ending> ending(std::string_view key, std::string_view name) {
  const auto keys = segments(key);
  const auto names = segments(name);
  if (keys.size() < names.size()) return std::nullopt;
  Ending out;
  const std::size_t skip = keys.size() - names.size();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != "*") {
      if (names[i] != keys[skip + i]) return std::nullopt;
      continue;
    }
    const auto index = number(keys[skip + i]);
    if (!index) return std::nullopt;
    out.index = *index;
  }
  std::size_t length = key.size();
  for (const auto& segment : names) length -= std::min(length, segment.size() + 1);
  out.path = key.substr(0, length);
  return out;
}

bool path_matches(const std::string& glob, const std::string& path) {
  if (glob_matches(glob, path)) return true;
  return glob.starts_with("**.") && glob_matches(glob.substr(3), path);
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

class Finder {
 public:
  Finder(const ModuleProgram& module, const Checkpoint& checkpoint, const Plan& plan)
      : module_(module), checkpoint_(checkpoint), plan_(plan) {
    for (std::size_t i = 0; i < plan.outputs.size(); ++i)
      outputs_[plan.outputs[i].key] = static_cast<std::uint32_t>(i);
    for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i)
      tensors_[checkpoint.tensors[i].key] = static_cast<std::uint32_t>(i);
  }

  Instances run() {
    Instances out;
    for (const auto& path : paths()) {
      if (!module_.types.empty() && !ModuleConfig(checkpoint_.config, path).is_of(module_.types)) continue;
      Instance instance;
      instance.path = path;
      if (!fused_weights(instance)) continue;
      if (const auto reason = original_weights(instance)) {
        out.skipped.push_back({path, *reason});
      } else if (made_as_asked(instance) && same_on_both_sides(instance)) {
        instance.unread = unread(instance);
        out.found.push_back(std::move(instance));
      }
    }
    return out;
  }

 private:
  using Keys = std::unordered_map<std::string, std::uint32_t>;

  // The modules that hold the first of the fused weights that must be there.
  std::vector<std::string> paths() const {
    const auto anchor = std::find_if(module_.fused.weights.begin(), module_.fused.weights.end(),
                                     [](const WeightName& w) { return !w.optional; });
    std::set<std::string> out;
    if (anchor == module_.fused.weights.end()) return {};
    for (const auto& output : plan_.outputs) {
      for (const auto& name : anchor->alternatives()) {
        const auto end = ending(output.key, name);
        if (end && path_matches(module_.at, end->path)) out.insert(end->path);
      }
    }
    std::vector<std::string> sorted(out.begin(), out.end());
    std::sort(sorted.begin(), sorted.end(), natural_less);
    return sorted;
  }

  // The tensors of one name below a path; a list ends where the next index is missing.
  static std::vector<std::uint32_t> below(const std::string& path, const WeightName& weight,
                                          const Keys& keys) {
    for (const auto& name : weight.alternatives()) {
      auto found = below_name(path, weight, name, keys);
      if (!found.empty()) return found;
    }
    return {};
  }

  static std::vector<std::uint32_t> below_name(const std::string& path, const WeightName& weight,
                                               const std::string& called, const Keys& keys) {
    std::vector<std::uint32_t> out;
    const std::string key = joined(path, called);
    const std::size_t star = key.find('*');
    for (std::size_t i = 0; i == 0 || weight.list(); ++i) {
      const std::string name =
          weight.list() ? key.substr(0, star) + std::to_string(i) + key.substr(star + 1) : key;
      const auto found = keys.find(name);
      if (found == keys.end()) break;
      out.push_back(found->second);
    }
    return out;
  }

  bool fused_weights(Instance& instance) const {
    for (const auto& weight : module_.fused.weights) {
      auto found = below(instance.path, weight, outputs_);
      if (found.empty() && !weight.optional) return false;
      if (!found.empty()) instance.fused[weight.name] = std::move(found);
    }
    return true;
  }

  // What is wrong, or nothing.
  std::optional<std::string> original_weights(Instance& instance) const {
    std::set<std::uint32_t> feeding;
    for (const auto& [name, outputs] : instance.fused) {
      for (const auto output : outputs) {
        for (const auto source : sources_of(plan_.outputs[output].view)) feeding.insert(source);
      }
    }
    for (const auto& weight : module_.original.weights) {
      auto found = among(feeding, weight);
      if (found.empty()) found = below(instance.path, weight, tensors_);
      if (found.empty()) found = by_plan(instance, weight);
      if (found.empty() && !weight.optional)
        return fmt::format("the checkpoint has no {} for it", weight.name);
      if (!found.empty()) instance.original[weight.name] = std::move(found);
    }
    return std::nullopt;
  }

  // The fused weight of the same name may be one original tensor under another name.
  std::vector<std::uint32_t> by_plan(const Instance& instance, const WeightName& weight) const {
    const auto fused = instance.fused.find(weight.name);
    if (fused == instance.fused.end() || weight.list()) return {};
    const View& view = plan_.outputs[fused->second.front()].view;
    const auto sources = sources_of(view);
    if (sources.size() != 1 || checkpoint_.tensors[sources.front()].shape != view.shape ||
        !is_identity(view, sources.front()))
      return {};
    return sources;
  }

  std::vector<std::uint32_t> unread(const Instance& instance) const {
    std::set<std::uint32_t> read;
    for (const auto& [name, outputs] : instance.fused) read.insert(outputs.begin(), outputs.end());
    std::vector<std::uint32_t> out;
    if (instance.path.empty()) return out;
    for (const auto& [key, output] : outputs_) {
      if (key.starts_with(instance.path + ".") && !read.contains(output)) out.push_back(output);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  std::vector<std::uint32_t> among(const std::set<std::uint32_t>& feeding, const WeightName& weight) const {
    for (const auto& name : weight.alternatives()) {
      auto found = among_named(feeding, weight, name);
      if (!found.empty()) return found;
    }
    return {};
  }

  std::vector<std::uint32_t> among_named(const std::set<std::uint32_t>& feeding, const WeightName& weight,
                                         const std::string& called) const {
    std::map<std::int64_t, std::uint32_t> by_index;
    for (const auto source : feeding) {
      if (const auto end = ending(checkpoint_.tensors[source].key, called)) by_index[end->index] = source;
    }
    std::vector<std::uint32_t> out;
    for (const auto& [index, source] : by_index) {
      // A module may be made of a part of a list: experts 64 to 127.
      const std::int64_t next = by_index.begin()->first + static_cast<std::int64_t>(out.size());
      if (weight.list() && index != next) return {};
      out.push_back(source);
    }
    return out;
  }

  // Of a weight that may be absent and that both programs name, one side alone may have made something else:
  // then the module is another program's.
  bool same_on_both_sides(const Instance& instance) const {
    return std::all_of(
        module_.fused.weights.begin(), module_.fused.weights.end(), [&](const WeightName& weight) {
          const auto& others = module_.original.weights;
          if (!weight.optional || std::find(others.begin(), others.end(), weight) == others.end())
            return true;
          return instance.fused.contains(weight.name) == instance.original.contains(weight.name);
        });
  }

  bool made_as_asked(const Instance& instance) const {
    if (module_.made_by.empty()) return true;
    const auto asked = [&](std::uint32_t output) {
      const int transform = plan_.outputs[output].transform;
      return transform >= 0 && has_operation(plan_.transforms[static_cast<std::size_t>(transform)]);
    };
    return std::any_of(instance.fused.begin(), instance.fused.end(), [&](const auto& weight) {
      return std::any_of(weight.second.begin(), weight.second.end(), asked);
    });
  }

  bool has_operation(const Transform& transform) const {
    return std::any_of(transform.operations.begin(), transform.operations.end(),
                       [&](const Operation& o) { return to_string(o).starts_with(module_.made_by); });
  }

  const ModuleProgram& module_;
  const Checkpoint& checkpoint_;
  const Plan& plan_;
  Keys outputs_;
  Keys tensors_;
};

}  // namespace

Instances find_instances(const ModuleProgram& module, const Checkpoint& checkpoint, const Plan& plan) {
  return Finder(module, checkpoint, plan).run();
}

bool moves_elements(std::uint32_t output, const Checkpoint& checkpoint, const Plan& plan) {
  const View& view = plan.outputs[output].view;
  if (view.pieces.empty()) return false;
  const std::uint32_t source = view.pieces.front().source;
  return checkpoint.tensors[source].shape != view.shape || !is_identity(view, source);
}

bool moves_elements(const Instance& instance, const Checkpoint& checkpoint, const Plan& plan) {
  const auto moved = [&](std::uint32_t output) { return moves_elements(output, checkpoint, plan); };
  return std::any_of(instance.fused.begin(), instance.fused.end(), [&](const auto& weight) {
    return std::any_of(weight.second.begin(), weight.second.end(), moved);
  });
}

void check_fit(const ModuleProgram& module, const Instance& instance, const Checkpoint& checkpoint,
               const Plan& plan, std::int64_t tokens) {
  WeightShapes original;
  WeightShapes fused;
  for (const auto& [name, tensors] : instance.original) {
    for (const auto i : tensors) {
      const Tensor& tensor = checkpoint.tensors[i];
      if (!decodes(tensor.dtype))
        throw UserError("parity-dtype"_id, {tensor.key, 0, 0, {}, "", ""},
                        fmt::format("parity cannot run on {} weights", name_of(tensor.dtype)),
                        "It runs on F64, F32, F16 and BF16.");
      original[name].push_back(tensor.shape);
    }
  }
  for (const auto& [name, outputs] : instance.fused) {
    for (const auto i : outputs) fused[name].push_back(plan.outputs[i].view.shape);
  }
  const ModuleConfig names(checkpoint.config, instance.path, module.settings);
  const BindRequest request{checkpoint.config, tokens, names.names()};
  const auto shapes = input_shapes(module, original, request);
  const BoundProgram one = bind_program(module.original, module.inputs, shapes, original, request);
  const BoundProgram other = bind_program(module.fused, module.inputs, shapes, fused, request);
  for (const auto& name : module.compare) {
    const Shape& shape = one.shapes[static_cast<std::size_t>(one.slots.at(name))];
    const Shape& wanted = other.shapes[static_cast<std::size_t>(other.slots.at(name))];
    if (shape != wanted)
      throw UserError("parity-layouts-differ"_id, module.place,
                      fmt::format("'{}' is {} of the original module and {} of the fused one", name,
                                  to_string(shape), to_string(wanted)));
  }
}

}  // namespace tenon
