// Conversions on top of each other: which of a folder's manifests tells of this one.
#pragma once

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "rules/choose_rules.h"

namespace tenon {

/// The rules of this conversion. On the way back by a folder whose last conversion has been undone,
/// `checkpoint.manifest` becomes the one below; for one on top of another it is taken away. `again`: the
/// conversion to plan once more, or nullptr. `by`: the checkpoint whose config and tensors the rules are
/// chosen by, where that is not `checkpoint` (an adapter's base). `before` becomes what the new manifest goes
/// on top of, null where that is nothing. Throws UserError where nothing is to be done.
RuleSet choose_in_chain(Checkpoint& checkpoint, const Options& options, const Library& library,
                        const Manifest* again, nlohmann::ordered_json& before,
                        const Checkpoint* by = nullptr);

/// A folder that an adapter was merged into is a source like any other, in the layout that its base had: its
/// manifest goes to `before`, and the base's own takes its place. Throws UserError where it is to be taken
/// back to something that it cannot be.
void set_aside_merge(Checkpoint& checkpoint, Layout to, nlohmann::ordered_json& before);

}  // namespace tenon
