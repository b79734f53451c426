// The inverse of a plan is the plan with source and output swapped. So the way back can be proven without
// reading a byte: the planned outputs are views of the source; running the inverse rules on them gives views
// again, and each must be the identity of the source tensor of the same key. A view of the right shape whose
// every element sits at its own place *is* the tensor.
#include "plan/check_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "base/text.h"
#include "rules/invert.h"

namespace tenon {
namespace {

// At most this many mismatches are spelled out: they tend to have one cause.
constexpr std::size_t kShown = 5;

class WayBack {
 public:
  WayBack(const std::vector<NamedView>& inputs, const Conversion& conversion,
          const ConversionRequest& request, Diagnostics& diagnostics)
      : inputs_(inputs), conversion_(conversion), request_(request), diagnostics_(diagnostics) {}

  void check(const std::vector<bool>& dropped) {
    // What was used goes into the inverse, in reverse order. `transforms` is already in the direction's
    // order, so inverting the list serves both directions.
    std::vector<Transform> back;
    for (std::size_t i = request_.transforms.size(); i-- > 0;) {
      const Transform& t = request_.transforms[i];
      if (conversion_.used[i] && !t.forward_only) back.push_back(invert(t));
    }
    Diagnostics errors;
    const ConversionRequest request{
        back, !request_.to_fused, request_.fused_keys, conversion_.found, request_.assumptions, {}};
    const Conversion returned = convert_views(conversion_.outputs, request, errors);
    for (const auto& d : errors.all()) {
      if (is_shown()) report(d.place.inside, "the way back fails: " + d.message, d.hint);
    }
    if (errors.has_errors()) return;
    compare(returned, dropped);
  }

 private:
  // Counts a mismatch. Asked before its message is made: that takes a search, and there may be as many
  // mismatches as tensors.
  bool is_shown() { return ++mismatches_ <= kShown; }

  void report(const std::string& key, const std::string& message, const std::string& hint) {
    diagnostics_.error({"", 0, 0, {}, key, ""}, message, hint);
  }

  std::string maker_of(std::uint32_t input) const {
    const int t = conversion_.converter_of[input];
    if (t >= 0) return describe(request_.transforms[static_cast<std::size_t>(t)]);
    return fmt::format("renamed to {}", conversion_.key_of[input]);
  }

  void compare(const Conversion& returned, const std::vector<bool>& dropped) {
    std::unordered_map<std::string, const NamedView*> by_key;
    for (const auto& output : returned.outputs) by_key.emplace(output.key, &output);
    std::deque<KeyRewriter> one_way;
    for (const auto& t : request_.transforms) {
      if (t.forward_only) one_way.emplace_back(t);
    }
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      if (dropped[i]) continue;
      const NamedView& input = inputs_[i];
      const auto found = by_key.find(expected_key(input.key, one_way));
      const View* const view = found == by_key.end() ? nullptr : &found->second->view;
      if (view != nullptr && same(*view, input.view)) continue;
      if (is_shown()) {
        report(
            input.key, mismatch(i, view, returned),
            "These rules lose where things came from. Change them so that they invert, or accept a one-way "
            "conversion with --one-way.");
      }
    }
    if (mismatches_ > kShown) {
      diagnostics_.error({"", 0, 0, {}, "", ""},
                         fmt::format("{} more keys do not come back", mismatches_ - kShown));
    }
  }

  // Legacy names do not come back: those keys keep the name that their forward-only renamings give them.
  static std::string expected_key(std::string key, std::deque<KeyRewriter>& one_way) {
    for (auto& rewriter : one_way) {
      if (auto rewrite = rewriter.apply(key)) key = std::move(rewrite->key);
    }
    return key;
  }

  // Inputs are identities of their own source tensors; a returned view is the same where it is that identity
  // too.
  static bool same(const View& view, const View& input) {
    if (view.dtype != input.dtype || view.shape != input.shape) return false;
    return input.pieces.empty() ? view.pieces.empty() : is_identity(view, input.pieces.front().source);
  }

  // `view`: what comes back under the input's key; nullptr: nothing does.
  std::string mismatch(std::uint32_t i, const View* view, const Conversion& returned) const {
    if (view == nullptr)
      return fmt::format("does not come back from the converted checkpoint ({}{})", maker_of(i),
                         instead_of(i, returned));
    const View& input = inputs_[i].view;
    if (view->dtype != input.dtype || view->shape != input.shape)
      return fmt::format("comes back as {} {}, it is {} {} ({})", name_of(view->dtype),
                         to_string(view->shape), name_of(input.dtype), to_string(input.shape), maker_of(i));
    return fmt::format("comes back with other contents ({})", maker_of(i));
  }

  std::string instead_of(std::uint32_t input, const Conversion& returned) const {
    for (std::size_t i = 0; i < conversion_.outputs.size(); ++i) {
      const auto& inputs = conversion_.outputs[i].inputs;
      if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) continue;
      const std::string& key = returned.key_of[i];
      return inputs.size() == 1 ? fmt::format(", which comes back as {}", key) : "";
    }
    return "";
  }

  const std::vector<NamedView>& inputs_;
  const Conversion& conversion_;
  const ConversionRequest& request_;
  Diagnostics& diagnostics_;
  std::size_t mismatches_ = 0;
};

}  // namespace

void check_way_back(const std::vector<NamedView>& inputs, const std::vector<bool>& dropped,
                    const Conversion& conversion, const ConversionRequest& request,
                    Diagnostics& diagnostics) {
  WayBack(inputs, conversion, request, diagnostics).check(dropped);
}

}  // namespace tenon
