#include "tasks/diff.h"

#include "cli/commands.h"
#include "cli/console_observer.h"
#include "report/diff_report.h"

namespace tenon {
namespace {

Verdict run_diff(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const DiffReport report = diff(options, observer);
  if (console.json()) {
    console.document(diff_json(report));
  } else {
    console.result(diff_text(report));
  }
  const bool other_layout = report.through.empty() && !report.only_in_a.empty() && !report.only_in_b.empty();
  if (other_layout)
    console.message("note: two layouts? --through auto compares B with what A becomes by its rules");
  return report.same() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command diff_command() {
  return {
      .name = "diff",
      .about = "Compare two checkpoints: names, dtypes, shapes, bytes",
      .examples =
          R"(  tenon diff Mixtral-8x7B back              exit status 0 where every tensor is the same, 1 where one is not
  tenon diff Mixtral-8x7B back --headers    names, dtypes and shapes only, in no time
  tenon diff a.safetensors b.safetensors    two files
  tenon diff old new --statistics           how many elements differ, and by how much
  tenon diff Mixtral-8x7B fused --through auto   is fused what the rules make of it, whoever made it?
  tenon diff old new --json | jq -r '.bytes[].key')",
      .arguments = {{"A", "A checkpoint: a folder, or one .safetensors file", member_of<&Options::source>(),
                     Completes::kCheckpoint},
                    {"B", "The other one; how they are cut into shards does not matter",
                     member_of<&Options::other>(), Completes::kCheckpoint}},
      .run = run_diff};
}

}  // namespace tenon
