#include "checkpoint/checkpoint.h"
#include "checkpoint/file.h"
#include "checkpoint/headers_file.h"
#include "cli/commands.h"

namespace tenon {
namespace {

Verdict headers(const Options& options, Console& console) {
  const Checkpoint checkpoint = open_checkpoint(options.source, open_options(options));
  console.report(checkpoint.warnings);
  const std::string text = headers_of(checkpoint);
  if (options.output.empty()) {
    console.result(text);
  } else {
    write_text_file(options.output, text, false);
  }
  return Verdict::kHolds;
}

}  // namespace

Command headers_command() {
  return {
      .name = "headers",
      .about = "Write a checkpoint's names, dtypes, shapes and config.json into one small file",
      .examples =
          R"(  tenon headers Qwen3-30B-A3B -o qwen3.headers.json   no tensor: some kilobytes for a model of any size
  tenon plan qwen3.headers.json                       such a file stands for the checkpoint wherever no tensor is read
  tenon lint my_rules.yaml --against qwen3.headers.json
  tenon rules scaffold qwen3.headers.json fused.headers.json)",
      .arguments = {{"SRC", "The checkpoint: a folder, or one .safetensors file",
                     member_of<&Options::source>(), Completes::kCheckpoint}},
      .run = headers};
}

}  // namespace tenon
