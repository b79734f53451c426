#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "checkpoint/file.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "plan/dump_plan.h"
#include "plan/snapshot.h"
#include "report/plan_report.h"
#include "tasks/convert.h"

namespace tenon {
namespace {

constexpr std::uint64_t kMaxSnapshotBytes = 64'000'000;

void show_change(const SnapshotChange& change, Console& console) {
  for (const auto& [sign, record] : {std::pair("- ", &change.kept), std::pair("+ ", &change.now)}) {
    std::string_view rest = *record;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n') + 1;
      console.result(sign + std::string(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
  }
}

Verdict check_snapshot(const Options& options, const PlannedConversion& planned, Console& console) {
  const std::string now = plan_snapshot(planned.source, planned.rules, planned.plan);
  const bool is_there = std::filesystem::exists(options.check);
  if (!is_there && !options.update) {
    throw UserError("file-absent"_id, place_of(options.check), "there is no such file",
                    "With --update it is written; look at it, and keep it beside the rules.");
  }
  const std::string kept = is_there ? read_text_file(options.check, kMaxSnapshotBytes) : "";
  if (options.update) {
    if (kept != now) write_text_file(options.check, now, false);
    console.result(fmt::format("{}: {}\n", visible(options.check), kept == now ? "unchanged" : "written"));
    return Verdict::kHolds;
  }
  const auto changes = compare_snapshots(kept, now, options.check);
  for (const SnapshotChange& change : changes) show_change(change, console);
  console.result(changes.empty() ? fmt::format("{}: the plan is as it was kept\n", visible(options.check))
                                 : fmt::format("{}: {} of the plan's records differ; --update keeps them\n",
                                               visible(options.check), changes.size()));
  return changes.empty() ? Verdict::kHolds : Verdict::kFound;
}

Verdict plan(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const auto planned = plan_conversion(options.source, options, library_of(options), observer);
  if (!options.check.empty()) return check_snapshot(options, planned, console);
  if (options.snapshot) {
    console.result(plan_snapshot(planned.source, planned.rules, planned.plan));
  } else if (options.golden) {
    console.result(golden_dump(planned.plan, planned.source));
  } else if (console.json()) {
    console.document(plan_json(planned.plan, planned.source));
  } else {
    console.result(plan_text(planned.source, planned.rules, planned.plan));
  }
  return Verdict::kHolds;
}

}  // namespace

Command plan_command() {
  return {
      .name = "plan",
      .about = "Show what a conversion would write, and from where, without doing it",
      .examples =
          R"(  tenon plan Qwen3-30B-A3B                                  to the fused layout, rules found by config.json
  tenon plan Qwen3-30B-A3B-fused --to original              the way back
  tenon plan Qwen2-VL-7B --fuse patch_embeddings --fuse qkv with fusion families
  tenon plan Mixtral-8x7B --rules ./my_rules.yaml --json    every tensor and every copy, for programs
  tenon plan Mixtral-8x7B --check mixtral.plan --update     keep what the rules decide, in few lines
  tenon plan mixtral.headers.json --check mixtral.plan      and compare, without the weights: status 1 where it differs
  tenon plan Mixtral-8x7B --golden                          every tensor and every copy as stable text)",
      .arguments = {{"SRC", "The checkpoint: a folder, or one .safetensors file",
                     member_of<&Options::source>(), Completes::kCheckpoint}},
      .run = plan};
}

}  // namespace tenon
