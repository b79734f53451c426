// The main job, as `tenon convert` and every job of a batch do it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"
#include "cli/console.h"
#include "cli/request.h"
#include "plan/plan.h"
#include "report/conversion_report.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

/// A conversion that is decided and proven, of which nothing is done yet.
struct PlannedConversion {
  Checkpoint source;
  std::filesystem::path library;  // the folder of the rule library
  bool library_is_standard = true;
  RuleSet rules;
  Plan plan;
  std::chrono::steady_clock::time_point started;
};

/// Opens, chooses the rules, builds the plan and proves it; reads no tensor. Throws UserError, SystemError.
PlannedConversion plan_conversion(const std::string& source, const PlanRequest& request,
                                  const Library& library);

/// Does what was planned: afterwards the destination is complete, or as it was. Warnings and progress go to
/// the console. Throws UserError, SystemError, Interrupted.
ConversionReport carry_out(const PlannedConversion& planned, const ConvertRequest& request, Console& console);

}  // namespace tenon
