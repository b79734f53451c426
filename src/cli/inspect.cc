#include <memory>

#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "report/inspect_report.h"

namespace tenon {
namespace {

struct InspectFlags {
  std::string path;
  std::string keys;
  bool summary = false;
  bool json = false;
};

Verdict inspect(const InspectFlags& flags, Console& console) {
  const Checkpoint checkpoint = open_checkpoint(flags.path);
  console.report(checkpoint.warnings);
  const InspectOptions options{!flags.summary, flags.keys};
  const auto show = flags.json ? inspect_json : inspect_text;
  show(checkpoint, options, [&](std::string_view part) { console.result(part); });
  return Verdict::kHolds;
}

}  // namespace

Command inspect_command() {
  return {"inspect", "Show a checkpoint's tensors, dtypes, shapes, shards and sizes",
          R"(Examples:
  tenon inspect Qwen3-30B-A3B                                  every tensor, then the totals
  tenon inspect Qwen3-30B-A3B --summary                        the totals only
  tenon inspect Qwen3-30B-A3B --keys 'model.layers.0.**'       one layer; * stays within a segment, ** does not
  tenon inspect model-00001-of-00004.safetensors               one file
  tenon inspect Qwen3-30B-A3B --json | jq '.dtypes'            for programs)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<InspectFlags>();
            app.add_option("PATH", flags->path, "A checkpoint's folder, or one .safetensors file")
                ->required()
                ->option_text(" ");
            app.add_option("--keys", flags->keys, "List only the tensors whose keys match this glob")
                ->option_text("GLOB");
            app.add_flag("--summary", flags->summary, "List no tensors");
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return inspect(*flags, console); };
          }};
}

}  // namespace tenon
