#include "cli/conversion.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"

namespace tenon {

PlannedConversion plan_conversion(const std::string& source, const PlanRequest& request,
                                  const Library& library) {
  const auto started = std::chrono::steady_clock::now();
  Checkpoint checkpoint = open_checkpoint(source);
  RuleSet rules = choose_rules(request.rules, checkpoint, library);
  Plan plan = build_plan(checkpoint, rules, request.options);
  return {std::move(checkpoint), library.folder(), library.is_standard(),
          std::move(rules),      std::move(plan),  started};
}

}  // namespace tenon
