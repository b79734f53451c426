#include "tasks/convert.h"

#include "checkpoint/file.h"
#include "cli/command_text.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "cli/interrupt.h"
#include "plan/dump_plan.h"
#include "report/conversion_report.h"
#include "report/damage_report.h"
#include "report/html_text.h"
#include "report/plan_report.h"
#include "tasks/damage.h"

namespace tenon {
namespace {

void show_plan(const PlannedConversion& planned, Console& console) {
  if (console.json()) {
    console.document(plan_json(planned.plan, planned.source));
  } else {
    console.result(plan_text(planned.source, planned.rules, planned.plan));
  }
}

// What the conversion did to numbers: as two files, and in a line where no document goes to stdout.
void write_damage(const DamageReport& damage, const Options& options, Console& console) {
  const std::filesystem::path folder = options.report;
  make_folders(folder);
  write_text_file(folder / "report.json", damage_json(damage).dump(2) + "\n", false);
  write_text_file(
      folder / "report.html",
      damage_html(damage,
                  {report_date(), command_text("convert", {options.source, options.destination}, options)}),
      false);
  if (!console.json()) console.result(damage_text(damage));
}

Verdict run_convert(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const Library library = library_of(options);
  const auto planned = plan_conversion(options.source, options, library, observer);
  if (!options.report.empty()) require_way_there(planned, options);
  if (options.dry_run) {
    show_plan(planned, console);
    return Verdict::kHolds;
  }

  // A plan is soon made or given up; from here on Ctrl-C must leave what was begun in a clean state.
  const InterruptGuard guard;
  const ConversionReport report = carry_out(planned, options, observer);
  if (!options.report.empty() && report.findings.empty())
    write_damage(damage_of(planned, options, library, observer), options, console);
  if (options.timings || console.verbose()) console.message(timings_text(report.timings));
  if (console.json()) {
    console.document(conversion_json(report));
  } else {
    console.result(conversion_text(report));
  }
  return report.findings.empty() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command convert_command() {
  return {
      .name = "convert",
      .about = "Convert a checkpoint to the fused layout, or back to the original one",
      .examples = R"(  tenon convert Qwen3-30B-A3B Qwen3-30B-A3B-fused           rules found by config.json
  tenon convert Qwen3-30B-A3B-fused back --to original      and back, byte for byte
  tenon convert Qwen2-VL-7B out --fuse patch_embeddings --fuse qkv --verify
                                                            with fusion families; then read again and compared
  tenon convert Mixtral-8x7B out --rules ./my_rules.yaml --max-shard-size 10GB --hash sha256
                                                            rules of your own; SHA-256 of every tensor
  tenon convert Llama-3-8B out --quantize fp8-block --within 0.07 --report lost
                                                            FP8, and what that cost, in lost/report.html
  tenon convert DeepSeek-V3 out --resume                    go on after an interrupted run)",
      .arguments = {{"SRC", "The checkpoint: a folder, or one .safetensors file",
                     member_of<&Options::source>(), Completes::kCheckpoint},
                    {"DST", "The folder to make: absent, or with --overwrite replaced",
                     member_of<&Options::destination>(), Completes::kFolder}},
      .run = run_convert};
}

}  // namespace tenon
