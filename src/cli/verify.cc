#include "tasks/verify.h"

#include "cli/commands.h"
#include "cli/console_observer.h"
#include "report/verify_report.h"

namespace tenon {
namespace {

Verdict run_verify(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const VerifyReport report = verify(options, observer);
  if (console.json()) {
    console.document(verify_json(report));
  } else {
    console.result(verify_text(report));
  }
  if (report.only_beside)
    console.message("note: every tensor is as it was; --tensors-only leaves out the files beside the shards");
  return report.findings.empty() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command verify_command() {
  return {
      .name = "verify",
      .about = "Check a converted folder against its manifest and its source, later",
      .examples =
          R"(  tenon verify Mixtral-fused                             every tensor and side file against the manifest
  tenon verify Mixtral-fused --tensors-only              where config.json or others were edited since
  tenon verify Mixtral-fused --against Mixtral-8x7B      and every element against the source
  tenon verify back --against Mixtral-fused              the other way round is the same
  tenon verify Mixtral-fused --json | jq -r '.findings[].key')",
      .arguments = {{"DIR", "A folder that tenon made", member_of<&Options::folder>(),
                     Completes::kCheckpoint}},
      .run = run_verify};
}

}  // namespace tenon
