// A fusion family that is written on the command line: --fuse 'NAME=GLOB,GLOB,...'.
#pragma once

#include <string>

#include "rules/rule_set.h"

namespace tenon {

/// Is what --fuse names such a family, rather than one of the library or a file?
bool is_module_family(const std::string& text);

/// Sibling modules that become one. The first owns the tensors of all, or with `NAME@2=` the second; those of
/// the others go below it under their own names: `mlp.post_attention_layernorm.weight`. Throws UserError.
RuleFile module_family(const std::string& text);

}  // namespace tenon
