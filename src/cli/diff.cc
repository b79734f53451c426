#include <memory>

#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/progress.h"
#include "engine/compare_tensors.h"
#include "report/diff_report.h"

namespace tenon {
namespace {

struct DiffFlags {
  std::string a;
  std::string b;
  int threads = 0;
  bool headers_only = false;
  bool json = false;
};

std::uint64_t bytes_in_common(const Checkpoint& a, const Checkpoint& b) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : a.tensors) {
    const Tensor* other = b.find(tensor.key);
    if (other != nullptr && other->dtype == tensor.dtype && other->shape == tensor.shape)
      bytes += tensor.bytes;
  }
  return bytes;
}

void compare_bytes(const Checkpoint& a, const Checkpoint& b, int threads, DiffReport& report,
                   const Console& console) {
  report.bytes_compared = bytes_in_common(a, b);
  ProgressBar bar(console, "comparing", report.bytes_compared);
  EngineOptions options;
  options.threads = threads;
  options.progress = [&](std::uint64_t done) { bar.update(done); };
  for (const auto& difference : compare_tensors(a, b, options)) {
    const Tensor* tensor = a.find(difference.key);
    report.bytes.push_back(
        {difference.key, tensor->dtype, tensor->shape, difference.element, difference.a, difference.b});
  }
}

Verdict diff(const DiffFlags& flags, Console& console) {
  const Checkpoint a = open_checkpoint(flags.a);
  const Checkpoint b = open_checkpoint(flags.b);
  console.report(a.warnings);
  console.report(b.warnings);
  DiffReport report = compare_headers(a, b);
  report.a = flags.a;
  report.b = flags.b;
  if (!flags.headers_only) compare_bytes(a, b, flags.threads, report, console);
  if (flags.json) {
    console.json_result(diff_json(report));
  } else {
    console.result(diff_text(report));
  }
  return report.same() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command diff_command() {
  return {"diff", "Compare two checkpoints: names, dtypes, shapes, bytes",
          R"(Examples:
  tenon diff Mixtral-8x7B back              exit status 0 where every tensor is the same, 1 where one is not
  tenon diff Mixtral-8x7B back --headers    names, dtypes and shapes only, in no time
  tenon diff a.safetensors b.safetensors    two files
  tenon diff old new --json | jq -r '.bytes[].key')",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<DiffFlags>();
            app.add_option("A", flags->a, "A checkpoint: a folder, or one .safetensors file")
                ->required()
                ->option_text(" ");
            app.add_option("B", flags->b, "The other one; how they are cut into shards does not matter")
                ->required();
            app.add_flag("--headers", flags->headers_only, "Compare no bytes");
            add_threads_flag(app, flags->threads);
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return diff(*flags, console); };
          }};
}

}  // namespace tenon
