#include "tasks/damage.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/file.h"
#include "tasks/convert.h"

namespace tenon {
namespace {

PlannedConversion plan_back(const Options& options, const Library& library) {
  Options back;
  back.to = opposite(options.to);
  try {
    // What is to be said of the way back has been said on the way there.
    return plan_conversion(options.destination, back, library, nobody());
  } catch (const UserError& error) {
    throw UserError(
        "report-no-way-back"_id, place_of(options.destination),
        fmt::format("this folder is complete, but what it lost cannot be measured, for it cannot be "
                    "taken back: {}",
                    error.diagnostics().front().message),
        "Leave --report out; `tenon verify` checks what was written.");
  }
}

bool is_computed_by_recipe(const PlannedTensor& output) {
  return std::any_of(output.view.pieces.begin(), output.view.pieces.end(),
                     [](const Piece& piece) { return is_computed(piece); });
}

}  // namespace

void require_way_there(const PlannedConversion& planned, const Options& options) {
  if (!planned.source.returns_to(options.to)) return;
  throw UserError("report-goes-back"_id, place_of(planned.source.directory / kManifestName),
                  "this folder is taken back by its manifest, and numbers lose nothing on that way",
                  "What they lost was lost on the way there: ask for --report then.");
}

DamageReport damage_of(const PlannedConversion& done, const Options& options, const Library& library,
                       Observer& observer) {
  DamageReport report;
  report.source = options.source;
  report.destination = options.destination;
  report.plan = done.plan.hash;
  if (done.plan.recipes.empty()) {
    report.untouched = done.source.tensors.size();
    return report;
  }
  const PlannedConversion back = plan_back(options, library);
  EngineOptions engine;
  engine.threads = options.threads;
  engine.stage = "measuring";
  report.tensors = measure_damage(back.plan, back.source, done.source, engine, observer);
  for (const PlannedTensor& output : back.plan.outputs) {
    if (done.source.find(output.key) == nullptr) continue;
    ++(is_computed_by_recipe(output) ? report.unmeasured : report.untouched);
  }
  report.unmeasured -= report.tensors.size();
  return report;
}

}  // namespace tenon
