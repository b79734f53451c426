#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "report/model_card.h"

namespace tenon {
namespace {

Verdict card(const Options& options, Console& console) {
  const Checkpoint checkpoint = open_checkpoint(options.folder, open_options(options));
  if (!checkpoint.manifest) {
    throw UserError("verify-no-manifest"_id, {options.folder, 0, 0, {}, "", ""},
                    "there is no tenon-manifest.json that says what was done",
                    "`tenon convert` and `tenon merge` write one.");
  }
  console.result(model_card(*checkpoint.manifest));
  return Verdict::kHolds;
}

}  // namespace

Command card_command() {
  return {
      .name = "card",
      .about = "Write a section for the model card of a converted checkpoint",
      .examples =
          R"(  tenon card Mixtral-fused                        what was done to it, how to check it, how to go back
  tenon card Mixtral-fused > section.md           for the README.md of what is published)",
      .arguments = {{"DIR", "The converted checkpoint", member_of<&Options::folder>(),
                     Completes::kCheckpoint}},
      .run = card};
}

}  // namespace tenon
