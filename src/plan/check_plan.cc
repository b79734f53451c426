// The inverse of a plan is the plan with source and output swapped. So the way back can be proven without
// reading a byte: the planned outputs are views of the source; running the inverse rules on them gives views
// again, and each must be the identity of the source tensor of the same key. A view of the right shape whose
// every element sits at its own place *is* the tensor.
#include "plan/check_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <unordered_map>

#include "base/text.h"
#include "checkpoint/kept.h"
#include "rules/invert.h"

namespace tenon {
namespace {

// At most this many mismatches are spelled out: they tend to have one cause.
constexpr std::size_t kShown = 5;
// Runs of elements that are cut off from one tensor.
constexpr std::size_t kMaxRanges = std::size_t{1} << 22;

// What is remembered for one key may move another (a list that is no longer collected): tried so often.
constexpr int kRounds = 4;

class WayBack {
 public:
  WayBack(const std::vector<NamedView>& inputs, const std::vector<bool>& dropped,
          const Conversion& conversion, const ConversionRequest& request, Diagnostics& diagnostics)
      : inputs_(inputs),
        dropped_(dropped),
        conversion_(conversion),
        request_(request),
        diagnostics_(diagnostics),
        forth_(request.transforms, request.to_fused, request.fused_keys, request.names) {
    // `transforms` is already in the direction's order, so that inverting the list serves both directions.
    const Transform* const first = request.transforms.data();
    back_ = invert(request.transforms, [&](const Transform& t) {
      return static_cast<bool>(conversion.used[static_cast<std::size_t>(&t - first)]);
    });
    for (const Transform& t : request.transforms) {
      if (t.forward_only && !t.from_library) for_good_.emplace_back(t);
    }
  }

  CheckedWayBack check() {
    for (int round = 0;; ++round) {
      Diagnostics errors;
      const Conversion returned = convert_views(conversion_.outputs,
                                                {back_,
                                                 !request_.to_fused,
                                                 request_.fused_keys,
                                                 conversion_.found,
                                                 request_.assumptions,
                                                 {},
                                                 &out_.names,
                                                 0,
                                                 true,
                                                 request_.block_size,
                                                 request_.values},
                                                errors);
      const std::vector<std::uint32_t> lost = find_lost(returned);
      if (lost.empty() && !errors.has_errors()) return std::move(out_);
      if (round < kRounds && remember(lost, returned)) continue;
      for (Diagnostic d : errors.all()) {
        d.place.inside = source_of(d.place.inside);
        d.message = "the way back fails: " + d.message;
        diagnostics_.add(std::move(d));
      }
      if (!errors.has_errors()) report_lost(lost, returned);
      return std::move(out_);
    }
  }

 private:
  // Counts a mismatch. Asked before its message is made: that takes a search, and there may be as many
  // mismatches as tensors.
  bool is_shown() { return ++mismatches_ <= kShown; }

  void report(ErrorId id, const std::string& key, const std::string& message, const std::string& hint) {
    diagnostics_.error(id, {"", 0, 0, {}, key, ""}, message, hint);
  }

  // The first tensor of the source in what is made under this key.
  std::string source_of(const std::string& made) const {
    for (const auto& output : conversion_.outputs) {
      if (output.key == made && !output.inputs.empty()) return inputs_[output.inputs.front()].key;
    }
    return made;
  }

  std::string maker_of(std::uint32_t input) const {
    const int t = conversion_.converter_of[input];
    if (t >= 0) return describe(request_.transforms[static_cast<std::size_t>(t)]);
    return fmt::format("renamed to {}", conversion_.key_of[input]);
  }

  // The inputs that the way back does not give, in order.
  std::vector<std::uint32_t> find_lost(const Conversion& returned) {
    by_key_.clear();
    for (const auto& output : returned.outputs) by_key_.emplace(output.key, &output);
    std::vector<std::uint32_t> lost;
    out_.forward_only.clear();
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      if (dropped_[i] || is_kept(inputs_[i].key)) continue;
      const std::string expected = expected_key(inputs_[i].key);
      const auto found = by_key_.find(expected);
      const View* const view = found == by_key_.end() ? nullptr : &found->second->view;
      if (view == nullptr || !same(*view, inputs_[i].view)) {
        lost.push_back(i);
      } else if (expected != inputs_[i].key) {
        out_.forward_only.push_back(i);
      }
    }
    return lost;
  }

  // Names that the user's own forward-only renamings took away do not come back.
  std::string expected_key(std::string key) {
    for (auto& rewriter : for_good_) {
      if (auto rewrite = rewriter.apply(key)) key = std::move(rewrite->key);
    }
    return key;
  }

  // Takes down the names of what is lost by its name alone; false where nothing was new.
  bool remember(const std::vector<std::uint32_t>& lost, const Conversion& returned) {
    std::unordered_map<std::uint32_t, std::size_t> output_of;  // of what no converter made
    for (std::size_t o = 0; o < conversion_.outputs.size(); ++o) {
      const NamedView& output = conversion_.outputs[o];
      if (output.transform < 0 && output.inputs.size() == 1) output_of.emplace(output.inputs.front(), o);
    }
    std::unordered_map<std::uint32_t, const NamedView*> whole;  // source -> where it comes back, unchanged
    for (const auto& output : returned.outputs) {
      if (output.view.pieces.size() != 1) continue;
      const std::uint32_t source = output.view.pieces.front().source;
      if (source < inputs_.size() && same(output.view, inputs_[source].view)) whole.emplace(source, &output);
    }
    KeyMapper back(back_, !request_.to_fused, request_.fused_keys);
    bool any = false;
    for (const std::uint32_t i : lost) {
      const std::string& key = inputs_[i].key;
      if (const auto at = output_of.find(i); at != output_of.end()) {
        const std::string& other = conversion_.outputs[at->second].key;
        if (may_keep(key, other, returned.converter_of[at->second] >= 0, back))
          any = out_.names.kept.insert_or_assign(other, key).second || any;
      } else if (const auto back_as = whole.find(i); back_as != whole.end()) {
        const std::string& other = conversion_.key_of[i];
        if (may_keep(key, other, false, back))
          any = out_.names.made.insert_or_assign(back_as->second->key, key).second || any;
      }
    }
    return any;
  }

  // Rules of the user's own are to invert: a prefix on some keys only is a mistake that a memory would hide.
  // The library's are as they are, its fused keys vouch for a name, and what a converter would take on the
  // way back though none made it was there in that form already.
  bool may_keep(const std::string& key, const std::string& other, bool taken_back, KeyMapper& back) {
    if (request_.names != nullptr && !request_.names->empty()) return true;  // a manifest vouches for them
    if (request_.fused_keys.known() || (key == other && taken_back)) return true;
    return only_library(forth_, key, request_.transforms) && only_library(back, other, back_);
  }

  static bool only_library(KeyMapper& mapper, const std::string& key, const std::vector<Transform>& list) {
    std::vector<KeyStep> steps;
    mapper.map(key, &steps);
    return std::all_of(steps.begin(), steps.end(), [&](const KeyStep& step) {
      return !step.made || list[static_cast<std::size_t>(step.transform)].from_library;
    });
  }

  void report_lost(const std::vector<std::uint32_t>& lost, const Conversion& returned) {
    for (const std::uint32_t i : lost) {
      if (!is_shown()) break;
      const auto found = by_key_.find(expected_key(inputs_[i].key));
      report("plan-key-lost"_id, inputs_[i].key,
             mismatch(i, found == by_key_.end() ? nullptr : &found->second->view, returned),
             "These rules lose where things came from. Change them so that they invert, or accept a one-way "
             "conversion with --one-way.");
    }
    if (lost.size() > kShown) {
      diagnostics_.error("plan-key-lost"_id, {"", 0, 0, {}, "", ""},
                         fmt::format("{} more keys do not come back", lost.size() - kShown));
    }
  }

  // Inputs are identities of their own source tensors; a returned view is the same where it is that identity
  // too, with zeros where the way here cut off what is zero (or what may be lost).
  bool same(const View& view, const View& input) const {
    if (view.dtype != input.dtype || view.shape != input.shape) return false;
    if (input.pieces.empty()) return view.pieces.empty();
    const std::uint32_t source = input.pieces.front().source;
    const std::vector<Piece> zeros = zeros_of(view);
    if (zeros.empty()) return is_identity(view, source);
    if (!is_identity({view.dtype, view.shape, copies_of(view)}, source)) return false;
    const auto came_back = filled_by(zeros, kMaxRanges);
    return came_back && came_back == read_by(cut_off(source), kMaxRanges);
  }

  std::vector<Piece> cut_off(std::uint32_t source) const {
    std::vector<Piece> out;
    for (const auto& cut : conversion_.cuts) {
      std::copy_if(cut.elements.view.pieces.begin(), cut.elements.view.pieces.end(), std::back_inserter(out),
                   [&](const Piece& piece) { return piece.source == source; });
    }
    return out;
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
  const std::vector<bool>& dropped_;
  const Conversion& conversion_;
  const ConversionRequest& request_;
  Diagnostics& diagnostics_;
  KeyMapper forth_;
  std::vector<Transform> back_;
  std::deque<KeyRewriter> for_good_;
  std::unordered_map<std::string, const NamedView*> by_key_;
  std::size_t mismatches_ = 0;
  CheckedWayBack out_;
};

}  // namespace

CheckedWayBack check_way_back(const std::vector<NamedView>& inputs, const std::vector<bool>& dropped,
                              const Conversion& conversion, const ConversionRequest& request,
                              Diagnostics& diagnostics) {
  return WayBack(inputs, dropped, conversion, request, diagnostics).check();
}

}  // namespace tenon
