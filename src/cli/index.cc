#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "tasks/write_index.h"

namespace tenon {
namespace {

Verdict run_index(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const IndexReport report = write_index(options, observer);
  console.result(fmt::format("{}: {} tensors in {} shards, {}\n", visible(report.path), report.tensors,
                             report.shards, human_bytes(report.bytes)));
  return Verdict::kHolds;
}

}  // namespace

Command index_command() {
  return {.name = "index",
          .about = "Write the index of shards that have none, by their headers",
          .examples = R"(  tenon index Mixtral-8x7B                   shards were fetched without their index
  tenon index Mixtral-8x7B --overwrite       the index is of other shards than these
  tenon inspect Mixtral-8x7B --index ignore  read them without it)",
          .arguments = {{"DIR", "The folder with the shards", member_of<&Options::folder>(),
                         Completes::kCheckpoint}},
          .run = run_index};
}

}  // namespace tenon
