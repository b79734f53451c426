// The rules tried both ways on a checkpoint's keys and shapes.
#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "checkpoint/read_tensor.h"
#include "plan/decide_layout.h"
#include "rules/invert.h"

namespace tenon {
namespace {

bool is_dropped(const RuleSet& rules, const std::string& key) {
  return std::any_of(rules.drops.begin(), rules.drops.end(), [&](const DropRule& rule) {
    return std::any_of(rule.keys.begin(), rule.keys.end(),
                       [&](const auto& glob) { return glob_matches(glob, key); });
  });
}

bool is_same(const View& view, const View& input) {
  if (view.dtype != input.dtype || view.shape != input.shape) return false;
  return input.pieces.empty() ? view.pieces.empty() : is_identity(view, input.pieces.front().source);
}

class Trials {
 public:
  Trials(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<Transform>& back,
         const std::vector<LayoutAssumption>& assumptions)
      : checkpoint_(checkpoint),
        inputs_(views_of(checkpoint)),
        rules_(rules),
        back_(back),
        assumptions_(assumptions),
        fused_keys_(rules.fused_keys, rules.base_model_prefix) {}

  LayoutEvidence run() const {
    // Forward, then back by all that could be inverted; a PrefixChange only where it did something.
    LayoutEvidence out;
    out.forward = trial(rules_.transforms, true, [&](const Conversion& there) {
      std::vector<Transform> list;
      for (std::size_t i = rules_.transforms.size(); i-- > 0;) {
        const Transform& t = rules_.transforms[i];
        if (t.forward_only || (t.kind == TransformKind::kPrefixChange && !there.used[i])) continue;
        list.push_back(invert(t));
      }
      return list;
    });
    out.back = trial(back_, false, [&](const Conversion&) { return rules_.transforms; });
    return out;
  }

 private:
  // What is computed takes part as tensors of its own, as in the proof of a plan.
  ValueScope scope() const {
    ValueScope out;
    out.proves = true;
    out.next = static_cast<std::uint32_t>(inputs_.size());
    out.contents = [this](std::uint32_t source) {
      return source < checkpoint_.tensors.size() ? read_tensor(checkpoint_, source)
                                                 : std::vector<std::byte>();
    };
    return out;
  }

  ConversionRequest request(const std::vector<Transform>& transforms, bool to_fused, const Facts& known,
                            ValueScope& values) const {
    ConversionRequest out{transforms, to_fused, fused_keys_, known, assumptions_, {}};
    out.values = &values;
    return out;
  }

  template <typename Return>
  LayoutTrial trial(const std::vector<Transform>& transforms, bool to_fused, const Return& return_by) const {
    LayoutTrial out;
    out.touched.assign(inputs_.size(), false);
    Diagnostics errors;
    const Facts known;
    ValueScope values = scope();
    const Conversion there = convert_views(inputs_, request(transforms, to_fused, known, values), errors);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      out.touched[i] = there.converter_of[i] >= 0 || there.key_of[i] != inputs_[i].key;
    out.touched = without_idle(std::move(out.touched), there);
    out.taken.assign(inputs_.size(), false);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      out.taken[i] = out.touched[i] && there.converter_of[i] >= 0;
    out.changes = std::find(out.touched.begin(), out.touched.end(), true) != out.touched.end();
    if (errors.has_errors() || !out.changes) return out;
    const std::vector<Transform> list = return_by(there);
    const Conversion again =
        convert_views(there.outputs, request(list, !to_fused, there.found, values), errors);
    out.comes_back = !errors.has_errors() && gives_inputs(again, to_fused);
    if (out.comes_back) out.settles = settles(there, transforms, to_fused);
    return out;
  }

  bool settles(const Conversion& there, const std::vector<Transform>& transforms, bool to_fused) const {
    std::vector<NamedView> made = there.outputs;
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      made[i].view = identity_view(i, made[i].view.dtype, made[i].view.shape);
      made[i].inputs = {i};
    }
    Diagnostics errors;
    ValueScope values = scope();
    values.next = static_cast<std::uint32_t>(made.size());
    values.contents = nullptr;  // these tensors are not there yet
    const Conversion again = convert_views(made, request(transforms, to_fused, there.found, values), errors);
    if (errors.has_errors() || again.outputs.size() != made.size()) return false;
    return std::equal(made.begin(), made.end(), again.outputs.begin(),
                      [](const auto& a, const auto& b) { return a.key == b.key && is_same(b.view, a.view); });
  }

  // A converter may leave a tensor exactly as it was (a transpose that was not needed).
  std::vector<bool> without_idle(std::vector<bool> touched, const Conversion& there) const {
    for (const NamedView& output : there.outputs) {
      if (output.inputs.size() != 1) continue;
      const NamedView& input = inputs_[output.inputs.front()];
      if (output.key == input.key && is_same(output.view, input.view)) touched[output.inputs.front()] = false;
    }
    return touched;
  }

  bool gives_inputs(const Conversion& again, bool to_fused) const {
    std::unordered_map<std::string, const NamedView*> by_key;
    for (const auto& output : again.outputs) by_key.emplace(output.key, &output);
    for (const NamedView& input : inputs_) {
      if (to_fused && is_dropped(rules_, input.key)) continue;
      const auto found = by_key.find(input.key);
      if (found == by_key.end() || !is_same(found->second->view, input.view)) return false;
    }
    return true;
  }

  const Checkpoint& checkpoint_;
  std::vector<NamedView> inputs_;
  const RuleSet& rules_;
  const std::vector<Transform>& back_;
  const std::vector<LayoutAssumption>& assumptions_;
  FusedKeys fused_keys_;
};

std::ptrdiff_t only_in(const std::vector<bool>& one, const std::vector<bool>& other) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i] && !other[i]) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

}  // namespace

std::ptrdiff_t LayoutEvidence::only_forward() const {
  return only_in(forward.touched, back.touched);
}

std::ptrdiff_t LayoutEvidence::only_back() const {
  return only_in(back.touched, forward.touched);
}

LayoutEvidence::Verdict LayoutEvidence::verdict() const {
  if (!forward.changes && !back.changes) return Verdict::kOne;
  if (forward.comes_back && !back.comes_back) return Verdict::kOriginal;
  if (back.comes_back && !forward.comes_back) return Verdict::kFused;
  if (!forward.comes_back) return Verdict::kNeither;
  if (forward.settles != back.settles) return forward.settles ? Verdict::kOriginal : Verdict::kFused;
  return Verdict::kEither;
}

LayoutEvidence layout_evidence(const Checkpoint& checkpoint, const RuleSet& rules,
                               const std::vector<Transform>& back,
                               const std::vector<LayoutAssumption>& assumptions) {
  return Trials(checkpoint, rules, back, assumptions).run();
}

}  // namespace tenon
