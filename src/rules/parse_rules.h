// Rule files: YAML to RuleFile. The format is docs/rules.md; every mistake is reported, with file, line,
// column and a caret.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/diagnostics.h"
#include "rules/rule_set.h"

namespace tenon {

/// Parses the text of a rule file. Mistakes go to `diagnostics`; what could be read is returned all the same.
RuleFile parse_rules(std::string_view text, const std::string& file, Diagnostics& diagnostics);

/// Reads and parses. Throws UserError where the file is too large or no regular file, SystemError where it
/// cannot be read.
RuleFile read_rule_file(const std::filesystem::path& path, Diagnostics& diagnostics);

/// Only what detection needs (name, about, applies_to), without parsing the transforms. Nothing where the
/// head is malformed: parsing the whole file will say why.
std::optional<RuleFile> read_rule_head(const std::filesystem::path& path);

}  // namespace tenon
