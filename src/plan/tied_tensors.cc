#include "plan/tied_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "checkpoint/natural_order.h"
#include "plan/rename_modules.h"

namespace tenon {
namespace {

// The names by which models call the matrix behind their last norm.
bool is_head(const std::string& key) {
  constexpr std::array kHeads = {"lm_head", "embed_out", "output", "output_layer", "head", "logits_dense"};
  const std::string module = module_of(key);
  return std::find(kHeads.begin(), kHeads.end(), module.substr(module.rfind('.') + 1)) != kHeads.end();
}

}  // namespace

void TiedTensors::note(std::string message) {
  plan_.notes.push_back({Severity::kNote, "tied-tensors"_id, {}, std::move(message), ""});
}

std::optional<std::uint32_t> TiedTensors::index_of(const std::string& key) const {
  const Tensor* const found = checkpoint_.find(key);
  if (found == nullptr) return std::nullopt;
  return static_cast<std::uint32_t>(found - checkpoint_.tensors.data());
}

bool TiedTensors::same_header(std::uint32_t a, std::uint32_t b) const {
  return checkpoint_.tensors[a].dtype == checkpoint_.tensors[b].dtype &&
         checkpoint_.tensors[a].shape == checkpoint_.tensors[b].shape;
}

std::string TiedTensors::text_of(std::uint32_t i) const {
  const Tensor& t = checkpoint_.tensors[i];
  return fmt::format("{} ({} {})", t.key, name_of(t.dtype), to_string(t.shape));
}

void TiedTensors::require_equal(std::uint32_t a, std::uint32_t b, std::string why) {
  plan_.conditions.push_back({Condition::Kind::kEqual, {}, a, b, std::move(why)});
}

bool TiedTensors::leaves_out(std::uint32_t i, const DropRule& rule) {
  const std::string& key = checkpoint_.tensors[i].key;
  if (key == rule.equals) return false;
  const auto other = index_of(rule.equals);
  if (!other) {
    note(fmt::format("{} is kept: {}, which it is to be equal to, is not there", key, rule.equals));
    return false;
  }
  if (!same_header(i, *other)) {
    note(fmt::format("{} is kept: it is not {}", text_of(i), text_of(*other)));
    return false;
  }
  require_equal(i, *other, fmt::format("a rule leaves {} out where it is {}", key, rule.equals));
  plan_.facts.twins[key] = rule.equals;
  if (is_head(key)) tie(true);
  return true;
}

std::optional<std::string> TiedTensors::second_name(std::uint32_t i) {
  const std::string& key = checkpoint_.tensors[i].key;
  for (const auto& rule : rules_.copies) {
    if (rule.to != key) continue;
    const auto other = index_of(rule.from);
    if (!other || !same_header(i, *other)) {
      diagnostics_.add(
          {Severity::kError,
           "copy-differs"_id,
           {"", 0, 0, {}, key, ""},
           other ? fmt::format("{} is to be a second name of {}, and is not the same", text_of(i),
                               text_of(*other))
                 : fmt::format("{} is to be a second name of {}, which is not there", text_of(i), rule.from),
           "On the way back it would be lost: take the `copy` out of the rules to keep it."});
      return std::nullopt;
    }
    require_equal(i, *other, fmt::format("a rule makes {} a second name of {}", key, rule.from));
    return "a copy of " + rule.from;
  }
  return std::nullopt;
}

void TiedTensors::add_outputs(Conversion& conversion) {
  const std::size_t before = conversion.outputs.size();
  if (plan_.to == Layout::kFused) {
    for (const auto& rule : rules_.copies) {
      if (add(conversion, rule.from, rule.to, rule.place, "copy") && is_head(rule.to)) tie(false);
    }
  } else if (checkpoint_.manifest) {
    for (const auto& [left_out, twin] : checkpoint_.manifest->facts.twins)
      add(conversion, twin, left_out, {}, "drop");
  } else {
    for (const auto& rule : rules_.drops) {
      if (rule.equals.empty()) continue;
      note(fmt::format("{} does not come back: no manifest says whether it was left out for being {}",
                       join_some(rule.keys), rule.equals));
    }
  }
  if (conversion.outputs.size() == before) return;
  std::sort(conversion.outputs.begin(), conversion.outputs.end(),
            [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
}

bool TiedTensors::add(Conversion& conversion, const std::string& from, const std::string& to,
                      const Place& place, const std::string& what) {
  const auto find = [&](const std::string& key) {
    return std::find_if(conversion.outputs.begin(), conversion.outputs.end(),
                        [&](const NamedView& output) { return output.key == key; });
  };
  const auto source = find(from);
  if (source == conversion.outputs.end()) {
    note(fmt::format("{}: no key {} is made, so nothing becomes {}", what, from, to));
    return false;
  }
  if (find(to) != conversion.outputs.end()) {
    diagnostics_.add(
        {Severity::kError, "copy-collides"_id, place,
         fmt::format("{} is to become {} as well, which is there already", from, to),
         "Two tensors cannot have one name: drop the one that is there, or take the `copy` out."});
    return false;
  }
  NamedView second = *source;
  second.key = to;
  conversion.outputs.push_back(std::move(second));
  return true;
}

// config.json says whether the head is the embedding.
void TiedTensors::tie(bool tied) {
  const auto text = checkpoint_.config.find("text_config");
  const bool inside = !checkpoint_.config.contains("tie_word_embeddings") &&
                      text != checkpoint_.config.end() && text->is_object() &&
                      text->contains("tie_word_embeddings");
  if (!checkpoint_.has_config) return;
  plan_.own_config_changes.push_back(
      {inside ? "text_config.tie_word_embeddings" : "tie_word_embeddings", tied});
}

}  // namespace tenon
