#include "tasks/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "base/text.h"
#include "checkpoint/file.h"

namespace tenon {
namespace {

bool describes(const Manifest& manifest, const Checkpoint& checkpoint) {
  return std::equal(manifest.output.begin(), manifest.output.end(), checkpoint.tensors.begin(),
                    checkpoint.tensors.end(), [](const TensorRecord& record, const Tensor& tensor) {
                      return record.key == tensor.key && record.dtype == tensor.dtype &&
                             record.shape == tensor.shape;
                    });
}

std::string rules_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& record : manifest.rules) {
    if (record.chosen || record.family) names.push_back(record.name);
  }
  return names.empty() ? "no rules" : join_some(names);
}

[[noreturn]] void refuse_there(const Checkpoint& checkpoint, Layout to) {
  Diagnostics diagnostics;
  diagnostics.add({Severity::kError, "plan-already-there"_id, place_of(checkpoint.directory / kManifestName),
                   fmt::format("this checkpoint is already in the {} layout, by {}", name_of(to),
                               rules_of(*checkpoint.manifest)),
                   fmt::format("Convert it the other way with --to {}; other rules on top of these are named "
                               "with --rules or --fuse.",
                               name_of(opposite(to)))});
  diagnostics.throw_if_errors();
  throw std::logic_error("unreachable");
}

// Conversions lie on top of each other. A folder that one was undone in holds what the one below it made.
class Chain {
 public:
  Chain(Checkpoint& checkpoint, const Options& options, const Library& library, const Manifest* again,
        const Checkpoint* by)
      : checkpoint_(checkpoint), options_(options), library_(library), again_(again), by_(by) {}

  // The rules of this conversion, and the manifest that its own one goes on top of.
  RuleSet choose(nlohmann::ordered_json& before) {
    const Layout to = options_.to;
    if (!checkpoint_.manifest) return chosen({again_, false});
    if (again_ != nullptr) {
      if (checkpoint_.manifest->layout == to && to == Layout::kOriginal &&
          checkpoint_.manifest->before.is_object())
        take_the_one_below();
      if (checkpoint_.manifest->layout == to) checkpoint_.manifest.reset();
      return chosen({again_, false});
    }
    if (checkpoint_.manifest->layout == to) {
      if (to == Layout::kFused) return on_top(before);
      take_the_one_below();
    }
    before = checkpoint_.manifest->before;
    RuleSet set = chosen({again_, false});
    if (to == Layout::kOriginal && before.is_object())
      set.notes.push_back(
          fmt::format("undoes the last of {} conversions; the folder can be taken back further "
                      "with --to original",
                      depth_of(*checkpoint_.manifest)));
    return set;
  }

 private:
  RuleSet chosen(const RuleSource& source) const {
    if (by_ == nullptr) return choose_rules(options_, checkpoint_, library_, source);
    Checkpoint by = *by_;
    if (checkpoint_.manifest) by.manifest = checkpoint_.manifest;
    return choose_rules(options_, by, library_, source);
  }

  void take_the_one_below() {
    const auto& below = checkpoint_.manifest->before;
    if (!below.is_object()) refuse_there(checkpoint_, Layout::kOriginal);
    Manifest manifest = parse_manifest(below.dump(), (checkpoint_.directory / kManifestName).string());
    if (!describes(manifest, checkpoint_))
      throw UserError("manifest-mismatch"_id, place_of(checkpoint_.directory / kManifestName),
                      "the conversion below the last one describes other tensors than the checkpoint holds");
    checkpoint_.manifest = std::move(manifest);
  }

  // Other rules than those that made this folder: it is their source as it stands.
  RuleSet on_top(nlohmann::ordered_json& before) {
    if (options_.rules.empty() && options_.fuse.empty()) refuse_there(checkpoint_, Layout::kFused);
    const Manifest manifest = *checkpoint_.manifest;
    std::optional<Manifest> own;
    std::swap(own, checkpoint_.manifest);
    RuleSet set = chosen({nullptr, options_.rules.empty()});
    const auto is_new = [&](const RuleFile& file) {
      return std::none_of(manifest.rules.begin(), manifest.rules.end(), [&](const RuleRecord& record) {
        return record.name == file.name && record.hash == file.hash && record.family == file.is_family;
      });
    };
    if (std::none_of(set.files.begin(), set.files.end(), is_new)) {
      std::swap(own, checkpoint_.manifest);
      refuse_there(checkpoint_, Layout::kFused);
    }
    before = nlohmann::ordered_json::parse(to_json_text(manifest));
    if (depth_of(manifest) >= kMaxConversions)
      throw UserError("plan-chain-too-long"_id, place_of(checkpoint_.directory / kManifestName),
                      fmt::format("{} conversions are on top of each other already", kMaxConversions),
                      "Take some of them back with --to original first.");
    set.notes.push_back(fmt::format("on top of the conversion by {}", rules_of(manifest)));
    return set;
  }

  Checkpoint& checkpoint_;
  const Options& options_;
  const Library& library_;
  const Manifest* again_;
  const Checkpoint* by_;
};

}  // namespace

void set_aside_merge(Checkpoint& checkpoint, Layout to, nlohmann::ordered_json& before) {
  while (checkpoint.manifest && checkpoint.manifest->merged) {
    const Manifest merged = *checkpoint.manifest;
    checkpoint.manifest.reset();
    if (merged.before.is_object()) {
      checkpoint.manifest =
          parse_manifest(merged.before.dump(), (checkpoint.directory / kManifestName).string());
    } else if (to == Layout::kOriginal) {
      throw UserError("merge-one-way"_id, place_of(checkpoint.directory / kManifestName),
                      "an adapter was merged into this checkpoint: what was before does not come back",
                      "Base and adapter are not in it. Its own layout is the one that its base had.");
    } else {
      before = nlohmann::ordered_json::parse(to_json_text(merged));
    }
  }
}

RuleSet choose_in_chain(Checkpoint& checkpoint, const Options& options, const Library& library,
                        const Manifest* again, nlohmann::ordered_json& before, const Checkpoint* by) {
  return Chain(checkpoint, options, library, again, by).choose(before);
}

}  // namespace tenon
