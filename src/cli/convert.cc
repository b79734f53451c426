#include <memory>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "plan/dump_plan.h"
#include "report/plan_report.h"

namespace tenon {
namespace {

struct ConvertFlags {
  std::string source;
  std::string destination;
  std::string library;
  ConvertOptions conversion;
  bool no_sync = false;
  bool dry_run = false;
  bool json = false;
};

void show_plan(const PlannedConversion& planned, bool json, Console& console) {
  if (json) {
    console.json_result(plan_json(planned.plan, planned.source));
  } else {
    console.result(plan_text(planned.source, planned.rules, planned.plan));
  }
}

Verdict convert(const ConvertFlags& flags, Console& console) {
  ConvertRequest request = meaning_of(flags.conversion);
  request.source = flags.source;
  request.destination = flags.destination;
  request.stage.sync = !flags.no_sync;

  const auto planned = plan_conversion(request.source, request.plan, library_at(flags.library));
  console.report(planned.source.warnings);
  if (flags.dry_run) {
    show_plan(planned, flags.json, console);
    return Verdict::kHolds;
  }
  console.report(planned.plan.notes);

  const ConversionReport report = carry_out(planned, request, console);
  if (flags.json) {
    console.json_result(conversion_json(report));
  } else {
    console.result(conversion_text(report));
  }
  return report.findings.empty() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command convert_command() {
  return {"convert", "Convert a checkpoint to the fused layout, or back to the original one",
          R"(Examples:
  tenon convert Qwen3-30B-A3B Qwen3-30B-A3B-fused           rules found by config.json
  tenon convert Qwen3-30B-A3B-fused back --to original      and back, byte for byte
  tenon convert Qwen2-VL-7B out --fuse patch_embeddings --fuse qkv --verify
                                                            with fusion families; then read again and compared
  tenon convert Mixtral-8x7B out --rules ./my_rules.yaml --max-shard-size 10GB --hash sha256
                                                            rules of your own; SHA-256 of every tensor
  tenon convert DeepSeek-V3 out --resume                    go on after an interrupted run)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<ConvertFlags>();
            ConvertOptions& conversion = flags->conversion;
            app.add_option("SRC", flags->source, "The checkpoint: a folder, or one .safetensors file")
                ->required()
                ->option_text(" ");
            app.add_option("DST", flags->destination,
                           "The folder to make: absent, or with --overwrite replaced")
                ->required()
                ->option_text(" ");
            add_plan_flags(app, conversion);
            add_library_flag(app, flags->library);
            add_threads_flag(app, conversion.threads);
            app.add_flag("--verify", conversion.verify,
                         "Read again what was written and compare with the source");
            app.add_option("--hash", conversion.hash,
                           "Hash of every tensor: xxh3 (default), sha256 (both, and of the shards) or none")
                ->option_text("KIND");
            app.add_flag("--resume", conversion.resume, "Go on with what an interrupted run finished");
            app.add_flag("--overwrite", conversion.overwrite, "Replace DST, once the new one is complete");
            app.add_flag("--no-sync", flags->no_sync,
                         "Do not wait for the disk: faster, not safe from power loss");
            app.add_flag("--dry-run", flags->dry_run, "Show the plan and write nothing");
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return convert(*flags, console); };
          }};
}

}  // namespace tenon
