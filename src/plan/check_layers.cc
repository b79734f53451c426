#include "plan/check_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/checked.h"
#include "base/text.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// What the layers of a text model, alone or as a part of a larger one, lie below.
constexpr std::array<std::string_view, 8> kTextParts = {
    "model", "language_model", "text_model", "transformer", "backbone", "base_model", "llm", "text"};

std::int64_t count_in(const Json& config) {
  const auto found = config.find("num_hidden_layers");
  if (found == config.end() || !found->is_number_integer()) return 0;
  // Where another number says otherwise, the one counts what the other does not (LongCat's double layers).
  for (const char* const other : {"num_layers", "n_layers", "n_layer"}) {
    const auto second = config.find(other);
    if (second != config.end() && *second != *found) return 0;
  }
  return std::max<std::int64_t>(found->get<std::int64_t>(), 0);
}

using Names = std::set<std::string>;          // of tensors below a layer, numbers left out
using Stack = std::map<std::int64_t, Names>;  // by the number of the layer

std::optional<std::int64_t> number_of(std::string_view segment) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), value);
  const bool whole = !segment.empty() && error == std::errc() && end == segment.data() + segment.size();
  return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

std::vector<std::string_view> parts_of_key(std::string_view key) {
  std::vector<std::string_view> out;
  for (std::size_t from = 0; from <= key.size();) {
    const std::size_t end = std::min(key.find('.', from), key.size());
    out.push_back(key.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

bool is_text_part(std::string_view segment) {
  return std::find(kTextParts.begin(), kTextParts.end(), segment) != kTextParts.end();
}

std::string without_numbers(const std::vector<std::string_view>& segments, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < segments.size(); ++i) {
    if (i > from) out += '.';
    out += number_of(segments[i]) ? "*" : std::string(segments[i]);
  }
  return out;
}

// The lists of layers of the text model, by what stands before the number: "model.layers.".
std::map<std::string, Stack> text_stacks(const Checkpoint& checkpoint) {
  std::map<std::string, Stack> out;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (checkpoint.is_of_whole(tensor)) continue;
    const auto segments = parts_of_key(tensor.key);
    std::size_t at = 0;
    while (at < segments.size() && is_text_part(segments[at])) ++at;
    if (at + 2 >= segments.size() || (segments[at] != "layers" && segments[at] != "h")) continue;
    const auto number = number_of(segments[at + 1]);
    if (!number) continue;
    const auto before = static_cast<std::size_t>(segments[at + 1].data() - tensor.key.data());
    out[tensor.key.substr(0, before)][*number].insert(without_numbers(segments, at + 2));
  }
  return out;
}

class LayerCheck {
 public:
  LayerCheck(const Checkpoint& checkpoint, std::int64_t count, Diagnostics& diagnostics)
      : checkpoint_(checkpoint), count_(count), diagnostics_(diagnostics) {}

  void check(const std::string& prefix, const Stack& stack) {
    std::vector<std::string> absent;
    for (std::int64_t i = 0; i < count_ && absent.size() < 100; ++i) {
      if (!stack.contains(i)) absent.push_back(fmt::format("{}{}", prefix, i));
    }
    if (!absent.empty()) {
      refuse("layer-missing"_id, absent.front(),
             fmt::format("config.json says num_hidden_layers {}, but no tensor of {} is there", count_,
                         join_some(absent, 3)));
      return;
    }
    check_alike(prefix, stack);
  }

 private:
  // Only a layer between two others, which are all alike, is held against them: first and last ones differ in
  // many models, and so do the layers of hybrid ones.
  void check_alike(const std::string& prefix, const Stack& stack) {
    if (count_ < 4) return;
    const Names& like = stack.at(0);
    std::vector<std::int64_t> others;
    for (std::int64_t i = 1; i < count_; ++i) {
      if (stack.at(i) != like) others.push_back(i);
    }
    if (others.size() != 1 || others.front() == count_ - 1) return;
    const Names& odd = stack.at(others.front());
    if (!std::includes(like.begin(), like.end(), odd.begin(), odd.end())) return;
    std::vector<std::string> lacking;
    std::set_difference(like.begin(), like.end(), odd.begin(), odd.end(), std::back_inserter(lacking));
    refuse("layer-incomplete"_id, fmt::format("{}{}", prefix, others.front()),
           fmt::format("this layer lacks {}, which all other layers have", join_some(lacking, 3)));
  }

  void refuse(ErrorId id, const std::string& inside, std::string message) {
    diagnostics_.add({Severity::kError,
                      id,
                      {checkpoint_.directory.string(), 0, 0, {}, inside, ""},
                      std::move(message),
                      "The checkpoint is incomplete, or config.json is not its own; --allow-missing-layers "
                      "converts what is there."});
  }

  const Checkpoint& checkpoint_;
  std::int64_t count_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::int64_t layer_count(const Json& config) {
  for (const char* const part : {"text_config", "language_config", "llm_config"}) {
    const auto found = config.find(part);
    if (found == config.end() || !found->is_object()) continue;
    if (const std::int64_t count = count_in(*found); count > 0) return count;
  }
  return count_in(config);
}

std::vector<std::int64_t> expert_counts(const Json& config) {
  const auto text = config.find("text_config");
  const auto* const part = text != config.end() && text->is_object() ? &*text : &config;
  const auto value = [&](const char* name) -> std::int64_t {
    for (const auto* node : {part, &config}) {
      const auto found = node->find(name);
      if (found != node->end() && found->is_number_integer() && found->get<std::int64_t>() > 0)
        return found->get<std::int64_t>();
    }
    return 0;
  };
  for (const char* const name : {"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"}) {
    const std::int64_t count = value(name);
    const auto with_idle = checked_add(count, value("zero_expert_num"));
    if (count > 0)
      return with_idle.value_or(count) > count ? std::vector{count, *with_idle} : std::vector{count};
  }
  return {};
}

void check_layers(const Checkpoint& checkpoint, Diagnostics& diagnostics) {
  const std::int64_t count = layer_count(checkpoint.config);
  const auto stacks = text_stacks(checkpoint);
  // Two of them: nothing says which one the number is for.
  if (count == 0 || stacks.size() != 1) return;
  const auto& [prefix, stack] = *stacks.begin();
  LayerCheck(checkpoint, count, diagnostics).check(prefix, stack);
}

}  // namespace tenon
