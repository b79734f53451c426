#include "plan/explain.h"

#include <memory>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "report/explain_report.h"

namespace tenon {
namespace {

struct ExplainFlags {
  std::string source;
  std::string key;
  std::string library;
  ConvertOptions conversion;
  bool json = false;
};

Verdict explain(const ExplainFlags& flags, Console& console) {
  const ConvertRequest request = meaning_of(flags.conversion);
  const auto planned = plan_conversion(flags.source, request.plan, library_at(flags.library));
  const Explanation explanation = explain_key(planned.source, planned.rules, planned.plan, flags.key);
  if (flags.json) {
    console.json_result(explain_json(explanation, planned.plan.to));
  } else {
    console.result(explain_text(explanation, planned.plan.to));
  }
  return Verdict::kHolds;
}

}  // namespace

Command explain_command() {
  return {"explain", "Show which transform touched a key and which did not, both ways",
          R"(Examples:
  tenon explain Mixtral-8x7B model.layers.0.block_sparse_moe.experts.3.w1.weight
                                                            where a tensor of the source goes
  tenon explain Mixtral-8x7B model.layers.0.mlp.experts.gate_up_proj
                                                            what an output tensor is made of
  tenon explain Mixtral-fused model.layers.0.mlp.gate.weight --to original
                                                            on the way back
  tenon explain Qwen2-VL-7B visual.patch_embed.proj.weight --fuse patch_embeddings --json)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<ExplainFlags>();
            app.add_option("SRC", flags->source, "The checkpoint: a folder, or one .safetensors file")
                ->required()
                ->option_text(" ");
            app.add_option("KEY", flags->key, "A tensor of SRC, or one that the conversion would write")
                ->required()
                ->option_text(" ");
            add_plan_flags(app, flags->conversion);
            add_library_flag(app, flags->library);
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return explain(*flags, console); };
          }};
}

}  // namespace tenon
