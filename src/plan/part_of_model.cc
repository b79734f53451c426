#include "plan/part_of_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "checkpoint/natural_order.h"

namespace tenon {
namespace {

Place key_of_source(const Checkpoint& checkpoint, const std::string& key) {
  return {checkpoint.directory.string(), 0, 0, {}, key, ""};
}

std::string where(const ModelPart& part) {
  std::string out = part.module;
  if (part.from || part.below)
    out += fmt::format(".{}{}", part.first(),
                       part.below && part.below->value ? fmt::format("..{}", *part.below->value - 1)
                                                       : " and those behind it");
  return out;
}

void note(Plan& plan, ErrorId id, std::string message, std::string hint = {}) {
  plan.notes.push_back({Severity::kNote, id, {}, std::move(message), std::move(hint)});
}

// A part's outputs against the tensors of the whole whose places they take.
class Placing {
 public:
  Placing(const Checkpoint& checkpoint, const ModelPart& part, const Conversion& conversion, Plan& plan,
          Diagnostics& diagnostics)
      : checkpoint_(checkpoint), part_(part), plan_(plan), diagnostics_(diagnostics) {
    for (const auto& output : conversion.outputs) made_.emplace(output.key, &output);
  }

  void check() {
    for (const auto& [key, output] : made_) {
      if (!part_.holds(key)) outside_.push_back(key);
    }
    std::sort(outside_.begin(), outside_.end(), natural_less);
    if (!outside_.empty())
      diagnostics_.error("part-outside"_id, key_of_source(checkpoint_, source_of(outside_.front())),
                         fmt::format("would become {}, which is not of the part that stands at {}{}",
                                     outside_.front(), where(part_), more(outside_.size())),
                         "Name such keys with `keys:` in the rules, or let the rules put them elsewhere.");
    for (const Tensor& replaced : checkpoint_.whole->replaced) compare(replaced);
    report();
  }

 private:
  static std::string more(std::size_t count) { return count < 2 ? "" : fmt::format(" ({} more)", count - 1); }

  std::string source_of(const std::string& key) const {
    const auto& inputs = made_.at(key)->inputs;
    return inputs.empty() ? key : checkpoint_.tensors[inputs.front()].key;
  }

  void compare(const Tensor& replaced) {
    const auto found = made_.find(replaced.key);
    if (found == made_.end()) {
      lacking_.push_back(replaced.key);
      return;
    }
    const View& view = found->second->view;
    if (view.dtype == replaced.dtype && view.shape == replaced.shape) return;
    diagnostics_.add_once(
        "part-shape",
        {Severity::kError, "part-does-not-fit"_id, key_of_source(checkpoint_, source_of(replaced.key)),
         fmt::format("becomes {} {} {}; in {} that is {} {}", replaced.key, name_of(view.dtype),
                     to_string(view.shape), checkpoint_.whole->name, name_of(replaced.dtype),
                     to_string(replaced.shape)),
         "Put the part into the model that it is of."});
  }

  void report() {
    if (!lacking_.empty())
      diagnostics_.error(
          "part-incomplete"_id, {checkpoint_.whole->name, 0, 0, {}, lacking_.front(), ""},
          fmt::format("nothing of {} takes its place{}", checkpoint_.path.string(), more(lacking_.size())),
          "The part lacks it: --fill-from takes what it lacks from the part that it started from.");
    std::unordered_set<std::string> known;
    for (const Tensor& replaced : checkpoint_.whole->replaced) known.insert(replaced.key);
    std::vector<std::string> fresh;
    for (const auto& [key, output] : made_) {
      if (!known.contains(key)) fresh.push_back(key);
    }
    std::sort(fresh.begin(), fresh.end(), natural_less);
    // Draft layers come to a whole that has none; elsewhere a name that it has not is another model's.
    if (!fresh.empty() && !checkpoint_.whole->replaced.empty())
      diagnostics_.error("part-does-not-fit"_id, key_of_source(checkpoint_, source_of(fresh.front())),
                         fmt::format("becomes {}, which {} has not{}", fresh.front(), checkpoint_.whole->name,
                                     more(fresh.size())),
                         "Put the part into the model that it is of.");
    note(
        plan_, "part-put-in"_id,
        fmt::format("{} put into {} at {}, in place of {} that it has there", counted(made_.size(), "tensor"),
                    checkpoint_.whole->name, where(part_), checkpoint_.whole->replaced.size()));
  }

  const Checkpoint& checkpoint_;
  const ModelPart& part_;
  Plan& plan_;
  Diagnostics& diagnostics_;
  std::unordered_map<std::string, const NamedView*> made_;
  std::vector<std::string> outside_;
  std::vector<std::string> lacking_;
};

// What stayed in the whole when the part was taken out of it has to be in the one that it is put into.
void check_rest(const Checkpoint& checkpoint, const ModelPart& part, Diagnostics& diagnostics) {
  if (!checkpoint.manifest) return;
  std::unordered_map<std::string, const Tensor*> rest;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (checkpoint.is_of_whole(tensor)) rest.emplace(tensor.key, &tensor);
  }
  std::vector<std::string> lacking;
  for (const TensorRecord& record : checkpoint.manifest->source) {
    if (part.holds(record.key)) continue;
    const auto found = rest.find(record.key);
    if (found == rest.end()) {
      lacking.push_back(record.key);
    } else if (found->second->dtype != record.dtype || found->second->shape != record.shape) {
      diagnostics.add_once("part-rest",
                           {Severity::kError,
                            "part-does-not-fit"_id,
                            {checkpoint.whole->name, 0, 0, {}, record.key, ""},
                            fmt::format("is {} {}; in the whole that the part was taken out of it was {} {}",
                                        name_of(found->second->dtype), to_string(found->second->shape),
                                        name_of(record.dtype), to_string(record.shape)),
                            "Put the part into the model that it is of."});
    }
  }
  if (lacking.empty()) return;
  diagnostics.error("part-incomplete"_id, {checkpoint.whole->name, 0, 0, {}, lacking.front(), ""},
                    fmt::format("is not there, but was in the whole that the part was taken out of{}",
                                lacking.size() == 1 ? "" : fmt::format(" ({} more)", lacking.size() - 1)),
                    "--into names that whole, or one like it.");
}

}  // namespace

std::vector<bool> outside_of_part(const Checkpoint& checkpoint, const RuleSet& rules, Layout to) {
  std::vector<bool> out(checkpoint.tensors.size(), false);
  if (!rules.part) return out;
  const bool whole = rules.part->source_is_whole(to);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    out[i] = whole ? !rules.part->holds(tensor.key) : checkpoint.is_of_whole(tensor);
  }
  return out;
}

void check_part(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<bool>& outside,
                Layout to, Diagnostics& diagnostics) {
  if (!rules.part) return;
  const ModelPart& part = *rules.part;
  if (!part.source_is_whole(to)) {
    check_rest(checkpoint, part, diagnostics);
    return;
  }
  const bool found = std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [&](const Tensor& t) {
    return t.key.starts_with(part.module + ".") && part.holds(t.key);
  });
  if (!found) {
    diagnostics.error(
        "part-not-found"_id, key_of_source(checkpoint, ""),
        fmt::format("no key lies below {}, where the part stands that {} takes out", where(part), part.rule),
        fmt::format("There is {}. Is it that part already?",
                    checkpoint.tensors.empty() ? "nothing" : checkpoint.tensors.front().key));
    return;
  }
  if (std::find(outside.begin(), outside.end(), true) == outside.end())
    diagnostics.error("part-not-found"_id, key_of_source(checkpoint, checkpoint.tensors.front().key),
                      fmt::format("this key is of the part that {} takes out, and so is every other: nothing "
                                  "would stay behind",
                                  part.rule),
                      "It is that part already.");
}

void tell_fates_outside(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<bool>& outside,
                        Plan& plan) {
  if (!rules.part) return;
  const bool whole = rules.part->source_is_whole(plan.to);
  std::vector<std::string> left;
  for (std::size_t i = 0; i < outside.size(); ++i) {
    if (!outside[i]) continue;
    const std::string& key = checkpoint.tensors[i].key;
    if (whole) {
      left.push_back(key);
      plan.fates[i] = {SourceFate::Kind::kDropped, "", -1,
                       fmt::format("not of the part at {}", where(*rules.part))};
    } else {
      plan.fates[i] = {SourceFate::Kind::kPassed, key, -1, ""};
    }
  }
  if (left.empty()) return;
  note(plan, "part-taken-out"_id,
       fmt::format("{} at {}; {} {} left out, being none of it: {}",
                   rules.part->inserts ? "the part comes out again" : "a part is taken out",
                   where(*rules.part), counted(left.size(), "tensor"), left.size() == 1 ? "is" : "are",
                   join_some(left, 3)),
       rules.part->inserts ? "" : "The way back wants them: --to original --into WHOLE.");
}

void add_rest_of_whole(const Checkpoint& checkpoint, const RuleSet& rules, Conversion& conversion, Plan& plan,
                       Diagnostics& diagnostics) {
  if (!checkpoint.whole || !rules.part) return;
  Placing(checkpoint, *rules.part, conversion, plan, diagnostics).check();
  for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& t = checkpoint.tensors[i];
    if (checkpoint.is_of_whole(t))
      conversion.outputs.push_back({t.key, identity_view(i, t.dtype, t.shape), -1, {i}});
  }
  std::sort(conversion.outputs.begin(), conversion.outputs.end(),
            [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
}

}  // namespace tenon
