#include "plan/convert_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/checked.h"
#include "base/text.h"
#include "checkpoint/kept.h"
#include "checkpoint/natural_order.h"
#include "plan/check_key_group.h"
#include "plan/companion_sizes.h"
#include "plan/companions.h"
#include "rules/operations/bundles.h"
#include "rules/operations/value_step.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxOutputs = 1'000'000;
constexpr std::size_t kMaxCopies = 2'000'000;

class Converter {
 public:
  Converter(const std::vector<NamedView>& inputs, const ConversionRequest& request, Diagnostics& diagnostics)
      : inputs_(inputs),
        request_(request),
        diagnostics_(diagnostics),
        mapper_(request.transforms, request.to_fused, request.fused_keys, request.names),
        errors_(inputs, request, diagnostics),
        check_(inputs, request, mapper_, out_.seen_of, errors_) {}

  Conversion run() {
    map_keys();
    for (auto& group : groups_) {
      convert(group);
      if (is_beyond_measure(group)) break;
    }
    pass_on_what_is_kept();
    out_.used = mapper_.used();
    std::sort(out_.outputs.begin(), out_.outputs.end(),
              [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
    report_collisions();
    return std::move(out_);
  }

 private:
  void map_keys() {
    out_.converter_of.assign(inputs_.size(), -1);
    out_.key_of.resize(inputs_.size());
    out_.seen_of.resize(inputs_.size());
    std::unordered_map<std::string, std::size_t> group_of;
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      if (request_.outside != nullptr && (*request_.outside)[i]) {
        out_.seen_of[i] = out_.key_of[i] = inputs_[i].key;
        continue;
      }
      if (is_kept(inputs_[i].key)) {
        out_.seen_of[i] = out_.key_of[i] = inputs_[i].key;
        kept_.emplace(inputs_[i].key.substr(kKeptPrefix.size()), i);
        continue;
      }
      MappedKey mapped = mapper_.map(inputs_[i].key);
      out_.key_of[i] = mapped.key;
      out_.seen_of[i] = mapped.converter < 0 ? inputs_[i].key : mapped.before_converter;
      if (mapped.converter < 0) {
        out_.outputs.push_back({std::move(mapped.key), inputs_[i].view, -1, {i}});
        continue;
      }
      out_.converter_of[i] = mapped.converter;
      if (inputs_[i].view.shape.empty()) out_.found.scalars.insert(inputs_[i].key);
      const auto [at, fresh] =
          group_of.try_emplace(fmt::format("{} {}", mapped.converter, mapped.key), groups_.size());
      if (fresh) {
        first_of_key_.try_emplace(mapped.key, groups_.size());
        groups_.push_back({mapped.converter,
                           mapped.key,
                           mapped.rewrite->at,
                           mapped.rewrite->replacement.size(),
                           mapped.rewrite->group,
                           {},
                           {},
                           {}});
      }
      KeyGroup& group = groups_[at->second];
      group.members[mapped.rewrite->alternative].push_back(i);
      group.seen[mapped.rewrite->alternative].push_back(std::move(mapped.before_converter));
    }
  }

  // What no converter asked for stays kept.
  void pass_on_what_is_kept() {
    for (const auto& [key, i] : kept_) {
      if (out_.converter_of[i] < 0) out_.outputs.push_back({inputs_[i].key, inputs_[i].view, -1, {i}});
    }
  }

  // What the way there kept of the tensor that comes back under a target.
  std::optional<View> kept(const KeyGroup& group, std::size_t target,
                           const std::vector<std::int64_t>& index) {
    const std::string key = key_made(group, target, index);
    const auto found = kept_.find(key);
    if (found == kept_.end()) return std::nullopt;
    out_.converter_of[found->second] = group.converter;
    out_.key_of[found->second] = key;
    return inputs_[found->second].view;
  }

  const KeyRewriter& rewriter_of(const KeyGroup& group) const { return mapper_.rewriter(group.converter); }

  const Transform& transform_of(const KeyGroup& group) const { return errors_.transform_of(group); }

  const NamedView& first_input(const KeyGroup& group) const { return errors_.first_input(group); }

  std::vector<Entry> entries_of(const KeyGroup& group) const {
    std::vector<Entry> entries;
    for (const auto& [pattern, indices] : group.members) {
      const auto lists = group.lists.find(pattern);
      Entry entry{false, static_cast<std::size_t>(pattern), {}, {}, {}};
      if (lists != group.lists.end()) entry.lists = lists->second;
      for (const std::uint32_t i : indices) entry.views.push_back(inputs_[i].view);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  std::string fused_key_of(const KeyGroup& group) const {
    return request_.to_fused ? group.key : rewriter_of(group).without_numbers(first_input(group).key);
  }

  void convert(KeyGroup& group) {
    if (!check_.is_whole(group) || !may_move(group)) return;
    const Transform& transform = transform_of(group);
    std::vector<Entry> entries = entries_of(group);
    give_scalars_a_dimension(group, entries);
    std::vector<std::uint32_t> members;
    for (const auto& [pattern, indices] : group.members)
      members.insert(members.end(), indices.begin(), indices.end());
    const std::vector<PartExtents> weight = weight_parts(group);
    const std::string fused_key = fused_key_of(group);
    std::vector<CutOff> cuts;
    const std::size_t count = transform.operations.size();
    const bool computes = first_value_step(transform) != nullptr;
    std::optional<Transform> alone;
    std::size_t joint = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Operation& operation = transform.operations[i];
      try {
        if (computes && !alone) alone = with_weights_alone(transform);
        require_place(operation, i, count);
        OperationContext context{computes && i + 1 < count ? *alone : transform,
                                 fused_key,
                                 request_.to_fused,
                                 request_.known,
                                 request_.assumptions,
                                 out_.found,
                                 out_.notes,
                                 cuts};
        context.position = transform.inverted ? count - 1 - i : i;
        context.source = first_input(group).key;
        context.values = request_.values;
        if (computes && i + 1 == count) {
          context.kept = [&](std::size_t target, const std::vector<std::int64_t>& index) {
            return kept(group, target, index);
          };
        }
        const bool sized = is_joint(operation) && joint < weight.size();
        apply_operation(
            sized ? sized_for_scale(operation, entries, weight[joint++], request_.block_size) : operation,
            context, entries);
      } catch (const OperationError& e) {
        errors_.fail(group, operation, e);
        return;
      }
    }
    for (auto& cut : cuts) out_.cuts.push_back({std::move(cut), group.converter});
    emit(group, std::move(entries), members);
  }

  // Scales and the like are read, and kept, as the checkpoint has them: beside their codes.
  static void require_place(const Operation& operation, std::size_t i, std::size_t count) {
    const ValueStep* const step = operation->value_step();
    if (step == nullptr || step->value().kind == ValueKind::kEach) return;
    const bool decodes = step->value().kind != ValueKind::kEncode;
    const bool encodes = step->value().kind != ValueKind::kDecode;
    if ((decodes && i != 0) || (encodes && i + 1 != count))
      throw OperationError{
          "value-roles"_id,
          fmt::format("{} is not the {} of its operations", step->value().name, decodes ? "first" : "last"),
          "What decodes comes first, what encodes last; joining and cutting stand between."};
  }

  static bool is_joint(const Operation& operation) { return operation->parts_dim().has_value(); }

  // What stands behind the converter's target in the key that it makes: "_scale_inv" where a pattern that
  // names the weight took its scale.
  static std::string behind_target(const KeyGroup& group) {
    return group.key.substr(group.at + group.length);
  }

  // What the group's tensors are to a weight that another group, or none, makes.
  std::optional<Companion> companion_made_by(const KeyGroup& group) const {
    auto companion = companion_of(first_input(group).key);
    if (!companion && behind_target(group).starts_with('_'))
      companion = stacked_companion_of(first_input(group).key);
    return companion;
  }

  // Shapes, indices and a quantiser's texts stay whole.
  bool may_move(const KeyGroup& group) {
    if (first_value_step(transform_of(group)) != nullptr) return true;  // its roles say what is what
    const auto companion = companion_made_by(group);
    if (!companion || !describes(companion->kind)) return true;
    for (const auto& operation : transform_of(group).operations) {
      if (name_of(operation) == "MergeModulelist" || name_of(operation) == "SplitModulelist") continue;
      errors_.fail(
          "companion-describes"_id, group,
          fmt::format("{} would glue, or divide, what describes a weight: {} is {} and stays as it is",
                      to_string(operation), companion->suffix,
                      companion->kind == CompanionKind::kShape   ? "a shape"
                      : companion->kind == CompanionKind::kIndex ? "an index"
                                                                 : "a quantiser's state"),
          "The rules do not know this form of quantisation. Convert the checkpoint before it is quantised, "
          "or "
          "by rules of your own that leave such tensors, and their weights, out.");
      return false;
    }
    return true;
  }

  // Scales of one element become one tensor [lists, parts], whether they are written as scalars or not.
  void give_scalars_a_dimension(const KeyGroup& group, std::vector<Entry>& entries) {
    const auto& operations = transform_of(group).operations;
    if (first_value_step(transform_of(group)) != nullptr) return;
    if (std::none_of(operations.begin(), operations.end(), is_joint)) return;
    for (auto& entry : entries) {
      for (auto& view : entry.views) {
        if (view.shape.empty()) view = reshape(std::move(view), {1});
      }
    }
  }

  // The parts of the weight that the group's tensors are scales of, at each of its joints.
  std::vector<PartExtents> weight_parts(const KeyGroup& group) {
    if (first_value_step(transform_of(group)) != nullptr) return {};
    const auto companion = companion_made_by(group);
    if (!companion || companion->kind == CompanionKind::kWeight || describes(companion->kind)) return {};
    const auto made = companion_of(group.key);
    const std::string key = behind_target(group).empty() ? (made ? made->module + ".weight" : "")
                                                         : group.key.substr(0, group.at + group.length);
    const auto found = first_of_key_.find(key);
    if (found == first_of_key_.end() || &groups_[found->second] == &group) return {};
    const KeyGroup& weight = groups_[found->second];
    if (first_value_step(transform_of(weight)) != nullptr) return {};
    Facts facts;
    std::vector<std::string> notes;
    std::vector<CutOff> cuts;
    const std::string fused_key = fused_key_of(weight);
    return parts_of_weight({transform_of(weight), fused_key, request_.to_fused, request_.known,
                            request_.assumptions, facts, notes, cuts},
                           entries_of(weight));
  }

  // A few small tensors without elements, or with many, could make a plan that fills the memory.
  bool is_beyond_measure(const KeyGroup& group) {
    for (; measured_ < out_.outputs.size(); ++measured_)
      pieces_ += out_.outputs[measured_].view.pieces.size();
    if (out_.outputs.size() <= kMaxOutputs && pieces_ <= kMaxCopies) return false;
    errors_.fail("plan-immense"_id, group,
                 fmt::format("the plan grows beyond {} tensors or {} copies", kMaxOutputs, kMaxCopies),
                 "No model has so many: is it the right rule for this checkpoint?");
    return true;
  }

  void emit(const KeyGroup& group, std::vector<Entry> entries, const std::vector<std::uint32_t>& members) {
    const Transform& transform = transform_of(group);
    const bool paired = transform.source_patterns.size() == transform.target_patterns.size();
    bool first = true;
    for (auto& entry : entries) {
      if (entry.views.size() != 1 || (!entry.is_target && !paired && transform.target_patterns.size() != 1) ||
          (!entry.is_target && !paired && entries.size() != 1)) {
        errors_.fail(
            "operation-arity"_id, group, "its operations leave more tensors than its targets name",
            "Many tensors become one by an operation that joins or stacks, one becomes many by one that "
            "takes "
            "apart (docs/rules.md, Operations).");
        return;
      }
      const std::size_t target = entry.is_target || paired ? entry.pattern : 0;
      if (!has_number_for_each_star(group, target, entry.index)) return;
      std::string key = key_made(group, target, entry.index);
      View& view = entry.views.front();
      if (request_.known.scalars.contains(key) && view.shape == Shape{1}) view = reshape(std::move(view), {});
      if (first) {
        for (const std::uint32_t i : members) out_.key_of[i] = key;
      }
      first = false;
      out_.outputs.push_back({std::move(key), std::move(view), group.converter, members});
    }
  }

  // Two lists that were taken apart once would come out along a diagonal.
  bool has_number_for_each_star(const KeyGroup& group, std::size_t target,
                                const std::vector<std::int64_t>& index) {
    const std::string text = rewriter_of(group).target_text(target, group.capture);
    const auto stars = static_cast<std::size_t>(std::count(text.begin(), text.end(), '*'));
    if (index.empty() || stars <= index.size()) return true;
    errors_.fail("operation-arity"_id, group,
                 fmt::format("'{}' has {} stars, and its operations take {} apart", text, stars,
                             index.size() == 1 ? "one list" : fmt::format("{} lists", index.size())),
                 "A SplitModulelist for each star.");
    return false;
  }

  // The key of what is made for a target.
  std::string key_made(const KeyGroup& group, std::size_t target, const std::vector<std::int64_t>& index) {
    std::string text = rewriter_of(group).target_text(target, group.capture);
    for (std::size_t i = 0, star = text.find('*'); star != std::string::npos && i < index.size();
         star = text.find('*'), ++i) {
      text.replace(star, 1, std::to_string(index[i]));
    }
    std::string key = group.key;
    key.replace(group.at, group.length, text);
    if (!request_.to_fused) key = mapper_.rename(std::move(key));
    return remembered(std::move(key));
  }

  std::string remembered(std::string key) const {
    if (request_.names == nullptr) return key;
    const auto made = request_.names->made.find(key);
    return made == request_.names->made.end() ? key : made->second;
  }

  std::string sources_of(const NamedView& output) const {
    std::vector<std::string> keys;
    for (const std::uint32_t i : output.inputs) keys.push_back(inputs_[i].key);
    std::string out = join_some(keys, 3);
    if (output.transform >= 0)
      out += " by " + describe(request_.transforms[static_cast<std::size_t>(output.transform)]);
    return out;
  }

  void report_collisions() {
    for (std::size_t i = 1; i < out_.outputs.size(); ++i) {
      const NamedView& a = out_.outputs[i - 1];
      const NamedView& b = out_.outputs[i];
      if (a.key != b.key) continue;
      diagnostics_.error("plan-keys-collide"_id, {"", 0, 0, {}, a.key, ""},
                         fmt::format("two tensors reach this key: {}; and {}", sources_of(a), sources_of(b)),
                         "One of them would be lost: make the rules keep them apart.");
    }
  }

  const std::vector<NamedView>& inputs_;
  const ConversionRequest& request_;
  Diagnostics& diagnostics_;
  KeyMapper mapper_;
  std::map<std::string, std::uint32_t> kept_;  // by the key that it had: the input that keeps it
  Conversion out_;
  KeyGroupErrors errors_;
  KeyGroupCheck check_;
  std::vector<KeyGroup> groups_;
  std::unordered_map<std::string, std::size_t> first_of_key_;  // the first group of each key
  std::size_t measured_ = 0;                                   // outputs whose pieces are counted
  std::size_t pieces_ = 0;
};

}  // namespace

std::vector<NamedView> views_of(const Checkpoint& checkpoint) {
  std::vector<NamedView> out;
  out.reserve(checkpoint.tensors.size());
  for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& t = checkpoint.tensors[i];
    out.push_back({t.key, identity_view(i, t.dtype, t.shape), -1, {i}});
  }
  return out;
}

Conversion convert_views(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                         Diagnostics& diagnostics) {
  return Converter(inputs, request, diagnostics).run();
}

}  // namespace tenon
