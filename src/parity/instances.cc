#include "parity/instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/text.h"
#include "checkpoint/natural_order.h"
#include "parity/weights.h"

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
      Instance instance;
      instance.path = path;
      if (!fused_weights(instance)) continue;
      if (const auto reason = original_weights(instance)) {
        out.skipped.push_back({path, *reason});
      } else if (!has_absent(instance)) {
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
      const auto end = ending(output.key, anchor->name);
      if (end && path_matches(module_.at, end->path)) out.insert(end->path);
    }
    std::vector<std::string> sorted(out.begin(), out.end());
    std::sort(sorted.begin(), sorted.end(), natural_less);
    return sorted;
  }

  // The tensors of one name below a path; a list ends where the next index is missing.
  static std::vector<std::uint32_t> below(const std::string& path, const WeightName& weight,
                                          const Keys& keys) {
    std::vector<std::uint32_t> out;
    const std::string key = joined(path, weight.name);
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
      if (found.empty() && !weight.optional)
        return fmt::format("the checkpoint has no {} for it", weight.name);
      if (!found.empty()) instance.original[weight.name] = std::move(found);
    }
    return std::nullopt;
  }

  std::vector<std::uint32_t> among(const std::set<std::uint32_t>& feeding, const WeightName& weight) const {
    std::map<std::int64_t, std::uint32_t> by_index;
    for (const auto source : feeding) {
      if (const auto end = ending(checkpoint_.tensors[source].key, weight.name))
        by_index[end->index] = source;
    }
    std::vector<std::uint32_t> out;
    for (const auto& [index, source] : by_index) {
      if (index != static_cast<std::int64_t>(out.size()) && weight.list()) return {};
      out.push_back(source);
    }
    return out;
  }

  bool has_absent(const Instance& instance) const {
    return std::any_of(module_.absent.begin(), module_.absent.end(), [&](const std::string& name) {
      return outputs_.contains(joined(instance.path, name));
    });
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

std::optional<std::int64_t> layer_of(const std::string& path) {
  for (const auto segment : segments(path)) {
    if (const auto layer = number(segment)) return layer;
  }
  return std::nullopt;
}

}  // namespace tenon
