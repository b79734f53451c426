// Rules for users who write none: --dtype takes weights out of whatever they are coded in, --quantize codes
// them. What is made are converters as a rule file would have them, so that the plan, its proof, the manifest
// and the way back need to know nothing else.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "rules/rule_set.h"

namespace tenon {

/// The dtype that a word of --dtype means: "bf16". Throws std::logic_error for another one.
DType dtype_of_word(const std::string& word);

/// Puts decoding in front of the converters that take coded weights, adds converters for all other coded
/// weights and for numbers of another dtype (but for keys that a glob of `keep` finds), and takes
/// quantization_config out of config.json. Throws UserError where a format is not known, or one rule would
/// join several.
void add_decoding(RuleSet& rules, const Checkpoint& checkpoint, DType dtype,
                  const std::vector<std::string>& keep);

/// In place of the model's own rules: codes weights of two dimensions, but for modules that a glob of
/// `ignore`, or of the format's own list, finds; "packed" takes weights that are coded (plan/repack.h).
/// Throws UserError where nothing is left to be coded, or something is coded already.
void set_coding(RuleSet& rules, const Checkpoint& checkpoint, const std::string& format,
                const std::vector<std::string>& ignore);

}  // namespace tenon
