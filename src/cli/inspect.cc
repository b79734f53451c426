#include <algorithm>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "report/inspect_report.h"

namespace tenon {
namespace {

Verdict inspect(const Options& options, Console& console) {
  const Checkpoint checkpoint = open_checkpoint(options.source, open_options(options));
  console.report(checkpoint.warnings);
  if (options.tree) {
    console.result(inspect_tree(checkpoint));
    return Verdict::kHolds;
  }
  const InspectOptions wanted{!options.summary, options.keys};
  const auto show = console.json() ? inspect_json : inspect_text;
  show(checkpoint, wanted, [&](std::string_view part) { console.result(part); });
  const bool any =
      options.keys.empty() || std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                          [&](const Tensor& t) { return glob_matches(options.keys, t.key); });
  if (!any) console.message("no key matches '" + options.keys + "': * stays within a segment, ** does not");
  return any ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command inspect_command() {
  return {.name = "inspect",
          .about = "Show a checkpoint's tensors, dtypes, shapes, shards and sizes",
          .examples =
              R"(  tenon inspect Qwen3-30B-A3B                                  every tensor, then the totals
  tenon inspect Qwen3-30B-A3B --tree                           what repeats in one line, totals of each branch
  tenon inspect Qwen3-30B-A3B --summary                        the totals only
  tenon inspect Qwen3-30B-A3B --keys 'model.layers.0.**'       one layer; * stays within a segment, ** does not
  tenon inspect model-00001-of-00004.safetensors               one file
  tenon inspect Qwen3-30B-A3B --json | jq '.dtypes'            for programs)",
          .arguments = {{"PATH", "A checkpoint's folder, or one .safetensors file",
                         member_of<&Options::source>(), Completes::kCheckpoint}},
          .run = inspect};
}

}  // namespace tenon
