// Rule files checked: which files are meant, with or without a checkpoint, and what of the findings counts.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "options/options.h"
#include "rules/library.h"

namespace tenon {

struct LintReport {
  std::vector<std::string> files;
  // Those of the level that was asked for, in the order of the files.
  std::vector<Diagnostic> findings;
  // Errors, or with `strict` warnings, are among them.
  bool fails = false;
};

/// `options.names` are rule files, names of the library, or folders of rule files; `options.against` a
/// checkpoint or empty. Throws UserError where one of them is not there, SystemError.
LintReport lint_rules(const Options& options, const Library& library);

}  // namespace tenon
