// The options of the installed face as those of the table.
#pragma once

#include <filesystem>
#include <string>

#include "options/options.h"
#include "tenon/options.h"

namespace tenon::face {

/// Every member is read as the text that it would be on the command line, so that bounds and choices hold.
/// Throws the inner UserError that names the member.
Options inner(const v0::ConvertOptions& options);
Options inner(const v0::PlanOptions& options);
Options inner(const v0::InspectOptions& options);
Options inner(const v0::DiffOptions& options);
Options inner(const v0::VerifyOptions& options);
Options inner(const v0::ParityOptions& options);
Options inner(const v0::LintOptions& options);
Options inner(const v0::BatchOptions& options);
Options inner(const v0::RulesListOptions& options);

}  // namespace tenon::face
