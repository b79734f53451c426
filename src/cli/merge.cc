#include "tasks/merge.h"

#include "cli/commands.h"
#include "cli/console_observer.h"
#include "cli/interrupt.h"
#include "report/conversion_report.h"

namespace tenon {
namespace {

Verdict run_merge(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const InterruptGuard guard;
  const ConversionReport report = merge(options, observer);
  if (console.json()) {
    console.document(conversion_json(report));
  } else {
    console.result(conversion_text(report));
  }
  return Verdict::kHolds;
}

}  // namespace

Command merge_command() {
  return {
      .name = "merge",
      .about = "Add an adapter to its base model: W + alpha / r * B A, summed in FP32 and rounded once",
      .examples =
          R"(  tenon merge Llama-3.1-8B my-lora Llama-3.1-8B-tuned        the layout of the base, its names and files
  tenon merge Qwen3-30B-A3B-fused lora-fused out           base and adapter both converted
  tenon merge Llama-3.1-8B my-lora out --hash sha256 --json)",
      .arguments = {{"BASE", "The base model: a folder, or one .safetensors file",
                     member_of<&Options::source>(), Completes::kCheckpoint},
                    {"ADAPTER", "The adapter: a folder with adapter_config.json, in the base's layout",
                     member_of<&Options::other>(), Completes::kCheckpoint},
                    {"OUT", "The folder to make: absent, or with --overwrite replaced",
                     member_of<&Options::destination>(), Completes::kFolder}},
      .run = run_merge};
}

}  // namespace tenon
