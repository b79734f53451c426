// PermuteForRope: rows of each head from interleaved pairs to two halves, or back. Which rows turn together
// under a rotary embedding differs between publishers' code and today's.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::optional<std::int64_t> positive(const Json& config, const char* name) {
  const auto found = config.find(name);
  if (found == config.end() || !found->is_number_integer() || found->get<std::int64_t>() < 1)
    return std::nullopt;
  return found->get<std::int64_t>();
}

class PermuteForRope final : public OperationOf<PermuteForRope> {
 public:
  static OperationRow describe() {
    using Self = PermuteForRope;
    return {
        "PermuteForRope",
        "Rows of each head from interleaved pairs to two halves.",
        "rows of each head from interleaved pairs to two halves. `heads` is the number of heads of this "
        "tensor "
        "(the config's `num_attention_heads` where it is left out), `rotary_dim` how many of each head's "
        "first "
        "rows turn; with `permute_layer_names` only patterns that contain one of the names",
        "the other one",
        {},
        {parameter<Self>("heads", &Self::heads_,
                         "Heads of this tensor; num_attention_heads of config.json where it is left out."),
         parameter<Self>(
             "rotary_dim", &Self::rotary_dim_,
             "How many of each head's first rows turn, the others stay; all where it is left out."),
         parameter<Self>("subconfig_key", &Self::subconfig_key_,
                         "The part of config.json that has the heads."),
         parameter<Self>("permute_layer_names", &Self::names_,
                         "Only tensors whose pattern contains one of these; all where it is left out."),
         parameter<Self>("inverse", &Self::inverse_, "From two halves to interleaved pairs.")},
        &make};
  }

  std::string text() const override {
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
    if (heads_ && heads_->value) add(fmt::format("heads={}", *heads_->value));
    if (rotary_dim_ && rotary_dim_->value) add(fmt::format("rotary_dim={}", *rotary_dim_->value));
    if (inverse_) add("inverse");
    return out;
  }

  std::shared_ptr<const LayoutOperation> inverse() const override {
    auto out = std::make_shared<PermuteForRope>(*this);
    out->inverse_ = !inverse_;
    return out;
  }

  const std::vector<std::string>* only_named() const override { return names_.empty() ? nullptr : &names_; }

  void resolve(const Place& place, const NumberResolver& resolver) override {
    if (heads_) return;
    const Json* config = &resolver.config;
    if (!subconfig_key_.empty()) {
      const auto found = config->find(subconfig_key_);
      if (found != config->end() && found->is_object()) config = &*found;
    }
    key_heads_ = positive(*config, "num_key_value_heads");
    for (const char* const name : {"num_attention_heads", "num_heads"}) {
      query_heads_ = positive(*config, name);
      if (query_heads_) break;
    }
    if (const auto dim = positive(*config, "head_dim")) {
      head_dim_ = dim;
    } else if (const auto hidden = positive(*config, "hidden_size"); hidden && query_heads_) {
      head_dim_ = *hidden / *query_heads_;
    }
    if (query_heads_) return;
    resolver.diagnostics.add(
        {Severity::kError, "rope-without-heads"_id, place,
         fmt::format("PermuteForRope: config.json has no num_attention_heads{}",
                     subconfig_key_.empty() ? "" : " in " + subconfig_key_),
         "The permutation works head by head: add the number of heads to config.json, or "
         "`heads` to the rule."});
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    for (auto& entry : entries) {
      const std::string& pattern = context.pattern_of(entry);
      const bool named = names_.empty() || std::any_of(names_.begin(), names_.end(),
                                                       [&](const auto& n) { return contains(pattern, n); });
      if (!named) continue;
      for (auto& view : entry.views) {
        if (!heads_) refuse_a_guess(view, pattern, context);
        view = permuted(view, heads_ ? heads_->value.value_or(1) : query_heads_.value_or(1));
      }
    }
  }

 private:
  // Under grouped-query attention keys have fewer heads than queries: with the queries' number their rows
  // would go to wrong places, and the inverse would hide it.
  void refuse_a_guess(const View& view, const std::string& pattern, const OperationContext& context) const {
    if (!key_heads_ || key_heads_ == query_heads_ || view.shape.empty()) return;
    const auto rows = head_dim_ ? checked_mul(*key_heads_, *head_dim_) : std::nullopt;
    constexpr std::array kNames = {"k_proj", "wk", "key"};
    const bool named = std::any_of(kNames.begin(), kNames.end(), [&](const char* name) {
      return contains(pattern, name) || contains(context.key, name);
    });
    if (!named && view.shape.front() != rows) return;
    throw OperationError{
        "rope-heads-unknown"_id,
        fmt::format(
            "{} is of keys, and config.json has num_key_value_heads {} beside num_attention_heads {}: how "
            "many heads has it?",
            to_string(view.shape), *key_heads_, query_heads_.value_or(0)),
        "Say it in the rule, one for queries and one for keys: `heads: ${config.num_key_value_heads}`."};
  }

  View permuted(const View& view, std::int64_t heads) const {
    if (view.shape.empty() || view.shape[0] % heads != 0) {
      throw OperationError{
          "rule-op-uneven"_id,
          fmt::format("{} does not split into {} heads of pairs", to_string(view.shape), heads), ""};
    }
    const std::int64_t rows = view.shape[0] / heads;
    const std::int64_t turning = rotary_dim_ ? rotary_dim_->value.value_or(0) : rows;
    if (turning % 2 != 0 || turning > rows) {
      throw OperationError{
          "rule-op-uneven"_id,
          rotary_dim_
              ? fmt::format("rotary_dim {} is odd, or more than the {} rows of each of {} heads of {}",
                            turning, rows, heads, to_string(view.shape))
              : fmt::format("{} does not split into {} heads of pairs", to_string(view.shape), heads),
          ""};
    }
    Shape by_head = view.shape;
    by_head[0] = rows;
    by_head.insert(by_head.begin(), heads);
    const View split = reshape(view, by_head);
    if (turning == rows) return reshape(turned(split, turning), view.shape);
    const auto parts = cut(split, 1, {turning, rows - turning});
    return reshape(concatenate({turned(parts[0], turning), parts[1]}, 1), view.shape);
  }

  View turned(const View& view, std::int64_t rows) const {
    return inverse_ ? regroup(view, 1, 2, rows / 2) : regroup(view, 1, rows / 2, 2);
  }

  OptionalNumber heads_;
  OptionalNumber rotary_dim_;
  std::string subconfig_key_;
  std::vector<std::string> names_;
  bool inverse_ = false;
  // of config.json, where the rule does not say the heads
  std::optional<std::int64_t> query_heads_;
  std::optional<std::int64_t> key_heads_;
  std::optional<std::int64_t> head_dim_;
};

}  // namespace

const OperationRow& permute_for_rope_row() {
  return PermuteForRope::the_row();
}

}  // namespace tenon
