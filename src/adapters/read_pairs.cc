#include "adapters/read_pairs.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/natural_order.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kBaseLayer = ".base_layer";

// The tensors at one place of an adapter, by role.
struct Group {
  std::map<std::string, std::uint32_t> at;     // "lora_A" -> tensor
  std::map<std::string, std::string> written;  // "lora_A" -> "lora_A.weight"
};

// "lora_A", and "lora_B.bias" for that one.
std::string role_of(const std::string& rest) {
  const std::string role = rest.substr(0, rest.find('.'));
  return rest.ends_with(".bias") ? role + ".bias" : role;
}

bool is_role(const std::string& role) {
  for (const char* const known :
       {"lora_A", "lora_B", "lora_B.bias", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector"}) {
    if (role == known) return true;
  }
  return false;
}

// Of a module, down projections are applied last; that order is the model's own, which no file holds.
bool comes_after(const std::string& a, const std::string& b) {
  const auto is_last = [](const std::string& name) {
    const std::string last = last_parts(name, 1);
    return last.find("down") != std::string::npos || last == "w2" || last.starts_with("w2_") ||
           last.find("output") != std::string::npos;
  };
  if (is_last(a) != is_last(b)) return is_last(a);
  return natural_less(b, a);
}

class PairReader {
 public:
  PairReader(const std::vector<NamedView>& tensors, const AdapterConfig& config, const AdapterRecord* known,
             const ShapeOf& shape_of, Diagnostics& diagnostics)
      : tensors_(tensors), config_(config), known_(known), shape_of_(shape_of), diagnostics_(diagnostics) {}

  Adapter read() {
    std::map<std::string, Group> groups;
    for (std::uint32_t i = 0; i < tensors_.size(); ++i) sort_in(i, groups);
    diagnostics_.throw_if_errors();
    std::vector<std::pair<std::string, Group>> ordered(groups.begin(), groups.end());
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return natural_less(a.first, b.first); });
    for (const auto& [stem, group] : ordered) add(stem, group);
    return std::move(out_);
  }

 private:
  void fail(ErrorId id, const std::string& key, std::string message, std::string hint = {}) {
    diagnostics_.add_once(
        "", {Severity::kError, id, {"", 0, 0, {}, key, ""}, std::move(message), std::move(hint)});
  }

  void sort_in(std::uint32_t i, std::map<std::string, Group>& groups) {
    const std::string& key = tensors_[i].key;
    const std::size_t at = key.rfind(".lora_");
    const bool is_pair = at != std::string::npos;
    const std::string rest = is_pair ? key.substr(at + 1) : "";
    const std::string role = role_of(rest);
    if (is_pair && is_role(role)) {
      Group& group = groups[key.substr(0, at)];
      if (!group.at.emplace(role, i).second)
        fail("adapter-malformed"_id, key,
             fmt::format("its module has a {} already: {}", role, tensors_[group.at[role]].key));
      group.written[role] = rest;
      return;
    }
    if (is_pair || key.find(".token_adapter.") != std::string::npos ||
        key.find("trainable_tokens") != std::string::npos) {
      return fail("adapter-unknown-tensor"_id, key, "is no part of a LoRA pair that is known",
                  "Merge the adapter into its base with PEFT, and convert the result.");
    }
    NamedView whole = tensors_[i];
    if (whole.key.starts_with(kPrefix)) whole.key.erase(0, kPrefix.size());
    whole.inputs = {i};
    out_.whole.push_back(std::move(whole));
  }

  const View& view_of(const Group& group, const std::string& role) const {
    return tensors_[group.at.at(role)].view;
  }

  void add(const std::string& stem, const Group& group) {
    const bool embedding = group.at.contains("lora_embedding_A") || group.at.contains("lora_embedding_B");
    const std::string a_name = embedding ? "lora_embedding_A" : "lora_A";
    const std::string b_name = embedding ? "lora_embedding_B" : "lora_B";
    const std::string& some = tensors_[group.at.begin()->second].key;
    for (const auto& name : {a_name, b_name}) {
      if (group.at.contains(name)) continue;
      return fail("adapter-malformed"_id, some, fmt::format("there is no {} beside it", name),
                  "A pair is both: fetch the adapter again.");
    }
    LoraPair pair;
    pair.prefix = stem.starts_with(kPrefix) ? std::string(kPrefix) : "";
    pair.written = group.written;
    pair.inputs = {group.at.at(a_name), group.at.at(b_name)};
    const std::string module = stem.substr(pair.prefix.size());
    const View& a = view_of(group, a_name);
    const View& b = view_of(group, b_name);
    if (a.shape.size() < 2 || b.shape.size() < 2 || a.shape[0] != b.shape[1])
      return fail("adapter-malformed"_id, some,
                  fmt::format("A is {} and B is {}: they have no rank in common", to_string(a.shape),
                              to_string(b.shape)));
    pair.rank = a.shape[0];
    if (embedding) {
      read_linear(pair, module, a, b, true);
      pair.form = PairForm::kEmbedding;
    } else if (a.shape.size() > 2) {
      read_convolution(pair, module, a, b);
    } else if (const auto parameter = parameter_at(stem, module, some)) {
      if (!read_parameter(pair, stem, *parameter, a, b, some)) return;
    } else {
      read_linear(pair, module, a, b, config_.is_set("fan_in_fan_out"));
    }
    pair.alpha = config_.alpha_of(module_of(pair));
    if (pair.form != PairForm::kParameter && config_.rank_of(module_of(pair)) != pair.rank)
      return fail("adapter-malformed"_id, some,
                  fmt::format("its rank is {}, and {} says {}", pair.rank, kAdapterConfigName,
                              config_.rank_of(module_of(pair))),
                  "Adapter and config are not of one training: fetch both again.");
    add_vectors(pair, group, some);
    out_.pairs.push_back(std::move(pair));
  }

  static void read_linear(LoraPair& pair, const std::string& module, const View& a, const View& b,
                          bool turned) {
    pair.key = module + ".weight";
    pair.rows_are_inputs = turned;
    if (turned) {
      pair.experts.push_back({transposed(a), transposed(b)});
    } else {
      pair.experts.push_back({b, a});
    }
    pair.shape = {pair.experts[0].left.shape[0], pair.experts[0].right.shape[1]};
  }

  static void read_convolution(LoraPair& pair, const std::string& module, const View& a, const View& b) {
    pair.key = module + ".weight";
    pair.form = PairForm::kConvolution;
    pair.shape = a.shape;
    pair.shape[0] = b.shape[0];
    std::int64_t columns = 1;
    for (std::size_t i = 1; i < a.shape.size(); ++i) columns *= a.shape[i];
    pair.experts.push_back({reshape(b, {b.shape[0], pair.rank}), reshape(a, {pair.rank, columns})});
  }

  // The base's tensor that a pair at a module's place is for, where that is a parameter of the module rather
  // than its weight.
  std::optional<std::string> parameter_at(const std::string& stem, const std::string& module,
                                          const std::string& some) {
    if (known_ != nullptr) {
      if (const auto found = known_->parameters.find(stem); found != known_->parameters.end())
        return found->second;
    }
    std::string parent = module;
    std::size_t depth = 0;
    for (; parent.ends_with(kBaseLayer); ++depth) parent.resize(parent.size() - kBaseLayer.size());
    const auto targets = config_.list("target_modules");
    const bool is_module = std::any_of(targets.begin(), targets.end(),
                                       [&](const auto& entry) { return is_named_by(module, entry); });
    if (depth == 0 && is_module) return std::nullopt;
    std::vector<std::string> keys;
    for (const auto& entry : config_.list("target_parameters")) {
      const std::string above = parent_of(entry);
      if (above.empty() || is_named_by(parent, above)) keys.push_back(parent + "." + last_parts(entry, 1));
    }
    std::sort(keys.begin(), keys.end(), comes_after);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (depth < keys.size()) return keys[depth];
    if (depth == 0 && keys.empty()) return std::nullopt;
    fail("adapter-malformed"_id, some,
         fmt::format("target_parameters of {} names no parameter of {} that this could be for",
                     kAdapterConfigName, parent));
    return std::nullopt;
  }

  bool read_parameter(LoraPair& pair, const std::string& stem, const std::string& key, const View& a,
                      const View& b, const std::string& some) {
    pair.key = key;
    pair.form = PairForm::kParameter;
    const std::int64_t rank = config_.rank_of(key);
    if (a.shape[0] % rank != 0) {
      fail("adapter-malformed"_id, some,
           fmt::format("{} rows of A are no multiple of {}, which is its rank by {}", a.shape[0], rank,
                       kAdapterConfigName));
      return false;
    }
    const std::int64_t experts = a.shape[0] / rank;
    pair.rank = rank;
    const auto shape = shape_of_(key);
    if (known_ != nullptr && known_->rows_are_inputs.contains(stem)) {
      pair.rows_are_inputs = known_->rows_are_inputs.at(stem);
    } else if (shape && shape->size() >= 2) {
      pair.rows_are_inputs = (*shape)[shape->size() - 1] != a.shape[1];
    }
    const std::int64_t rows = pair.rows_are_inputs ? a.shape[1] : b.shape[0];
    const std::int64_t columns = pair.rows_are_inputs ? b.shape[0] : a.shape[1];
    pair.shape = {experts, rows, columns};
    if (experts == 1 && shape && shape->size() == 2) pair.shape = {rows, columns};
    const auto count = static_cast<std::size_t>(experts);
    const auto rows_of_a = cut(a, 0, std::vector<std::int64_t>(count, rank));
    const auto columns_of_b = unstack(reshape(b, {b.shape[0], rank, experts}), 2);
    for (std::size_t e = 0; e < count; ++e) {
      if (pair.rows_are_inputs) {
        pair.experts.push_back({transposed(rows_of_a[e]), transposed(columns_of_b[e])});
      } else {
        pair.experts.push_back({columns_of_b[e], rows_of_a[e]});
      }
    }
    return true;
  }

  void add_vectors(LoraPair& pair, const Group& group, const std::string& some) {
    for (const char* const role : {"lora_B.bias", "lora_magnitude_vector"}) {
      const auto found = group.at.find(role);
      if (found == group.at.end()) continue;
      const View& view = tensors_[found->second].view;
      const bool is_vector = element_count(view.shape) == element_count(Shape{pair.shape[0]});
      if (pair.form != PairForm::kLinear || config_.is_set("fan_in_fan_out") || !is_vector) {
        fail("adapter-unknown-tensor"_id, tensors_[found->second].key,
             fmt::format("a {} here does not go by the rows of {}", role, some),
             "Merge the adapter into its base with PEFT, and convert the result.");
        continue;
      }
      pair.inputs.push_back(found->second);
      (role == std::string("lora_B.bias") ? pair.bias : pair.magnitude) = reshape(view, {pair.shape[0]});
    }
  }

  const std::vector<NamedView>& tensors_;
  const AdapterConfig& config_;
  const AdapterRecord* known_;
  const ShapeOf& shape_of_;
  Diagnostics& diagnostics_;
  Adapter out_;
};

}  // namespace

View transposed(const View& view) {
  return permute(view, {1, 0});
}

Adapter read_pairs(const std::vector<NamedView>& tensors, const AdapterConfig& config,
                   const AdapterRecord* known, const ShapeOf& shape_of, Diagnostics& diagnostics) {
  return PairReader(tensors, config, known, shape_of, diagnostics).read();
}

std::map<std::string, std::string> places_of_parameters(const std::vector<std::string>& keys) {
  std::map<std::string, std::vector<std::string>> by_parent;
  for (const auto& key : keys) by_parent[parent_of(key)].push_back(key);
  std::map<std::string, std::string> out;
  for (auto& [parent, of_parent] : by_parent) {
    std::sort(of_parent.begin(), of_parent.end(), comes_after);
    std::string place = parent;
    for (const auto& key : of_parent) {
      out[key] = place;
      place += kBaseLayer;
    }
  }
  return out;
}

std::vector<NamedView> tensors_of(const LoraPair& pair, bool turned,
                                  const std::map<std::string, std::string>& places) {
  const bool parameter = pair.form == PairForm::kParameter;
  const bool embedding = pair.form == PairForm::kEmbedding;
  const std::string stem = pair.prefix + (parameter ? places.at(pair.key) : module_of(pair));
  const bool left_is_a = embedding || (parameter ? pair.rows_are_inputs : turned);
  std::vector<View> a_parts;
  std::vector<View> b_parts;
  for (const Factors& factors : pair.experts) {
    a_parts.push_back(left_is_a ? transposed(factors.left) : factors.right);
    b_parts.push_back(left_is_a ? transposed(factors.right) : factors.left);
  }
  View a = concatenate(a_parts, 0);
  View b = b_parts.front();
  if (b_parts.size() > 1) {
    const View all = stack(b_parts, 2);
    b = reshape(all, {all.shape[0], all.shape[1] * all.shape[2]});
  }
  if (pair.form == PairForm::kConvolution) {
    Shape kernel = pair.shape;
    kernel[0] = a.shape[0];
    a = reshape(std::move(a), kernel);
    Shape points(pair.shape.size(), 1);
    points[0] = b.shape[0];
    points[1] = b.shape[1];
    b = reshape(std::move(b), points);
  }
  const auto name = [&](const std::string& role, const std::string& usual) {
    const auto found = pair.written.find(role);
    return stem + "." + (found == pair.written.end() ? usual : found->second);
  };
  std::vector<NamedView> out;
  if (embedding) {
    out.push_back({name("lora_embedding_A", "lora_embedding_A"), std::move(a), -1, {}});
    out.push_back({name("lora_embedding_B", "lora_embedding_B"), std::move(b), -1, {}});
  } else {
    out.push_back({name("lora_A", "lora_A.weight"), std::move(a), -1, {}});
    out.push_back({name("lora_B", "lora_B.weight"), std::move(b), -1, {}});
  }
  if (pair.bias) out.push_back({name("lora_B.bias", "lora_B.bias"), *pair.bias, -1, {}});
  if (pair.magnitude)
    out.push_back({name("lora_magnitude_vector", "lora_magnitude_vector"), *pair.magnitude, -1, {}});
  return out;
}

}  // namespace tenon
