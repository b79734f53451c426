#include <memory>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "plan/dump_plan.h"
#include "report/plan_report.h"

namespace tenon {
namespace {

struct PlanFlags {
  std::string source;
  std::string library;
  ConvertOptions conversion;
  bool json = false;
  bool golden = false;
};

Verdict plan(const PlanFlags& flags, Console& console) {
  const ConvertRequest request = meaning_of(flags.conversion);
  const auto planned = plan_conversion(flags.source, request.plan, library_at(flags.library));
  console.report(planned.source.warnings);
  if (flags.golden) {
    console.result(golden_dump(planned.plan, planned.source));
  } else if (flags.json) {
    console.json_result(plan_json(planned.plan, planned.source));
  } else {
    console.result(plan_text(planned.source, planned.rules, planned.plan));
  }
  return Verdict::kHolds;
}

}  // namespace

Command plan_command() {
  return {"plan", "Show what a conversion would write, and from where, without doing it",
          R"(Examples:
  tenon plan Qwen3-30B-A3B                                  to the fused layout, rules found by config.json
  tenon plan Qwen3-30B-A3B-fused --to original              the way back
  tenon plan Qwen2-VL-7B --fuse patch_embeddings --fuse qkv with fusion families
  tenon plan Mixtral-8x7B --rules ./my_rules.yaml --json    every tensor and every copy, for programs
  tenon plan Mixtral-8x7B --golden > mixtral.plan           the stable form, to keep and compare)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<PlanFlags>();
            app.add_option("SRC", flags->source, "The checkpoint: a folder, or one .safetensors file")
                ->required()
                ->option_text(" ");
            add_plan_flags(app, flags->conversion);
            add_library_flag(app, flags->library);
            CLI::Option* json = app.add_flag("--json", flags->json, "The whole plan as one JSON document");
            json->option_text(" ");
            app.add_flag("--golden", flags->golden, "The stable text form")->excludes(json)->option_text(" ");
            return [flags](Console& console) { return plan(*flags, console); };
          }};
}

}  // namespace tenon
