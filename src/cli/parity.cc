#include "tasks/parity.h"

#include <fmt/format.h>

#include <filesystem>

#include "checkpoint/file.h"
#include "cli/command_text.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "cli/parity_check.h"
#include "cli/parse.h"
#include "parity/values_file.h"
#include "report/html_text.h"
#include "report/parity_html.h"
#include "report/parity_report.h"
#include "rules/library.h"
#include "tasks/parity_request.h"

namespace tenon {
namespace {

// A line for each module: they take seconds, and the terminal shows which one is slow.
class ModuleLines : public ConsoleObserver {
 public:
  explicit ModuleLines(Console& console) : ConsoleObserver(console), console_(console) {}

  void progress(std::string_view module, std::uint64_t number, std::uint64_t total) override {
    console_.message(fmt::format("[{}/{}] {}", number, total, module));
  }

 private:
  Console& console_;
};

Verdict run_parity_command(const Options& given, Console& console) {
  if (!given.check.empty())
    return show_parity_check({given.check, given.source, given.other}, console.json(), console);
  if (given.source.empty())
    throw UserError("args-missing"_id, on_the_command_line("parity", "ORIGINAL"), "no checkpoint is named",
                    "Write tenon parity ORIGINAL [FUSED], or tenon parity --check report.json.");
  ModuleLines observer(console);
  const auto [rules, result] = parity(parity_request(given), library_of(given), observer);
  if (!given.save_outputs.empty()) write_outputs(result, given.save_outputs);
  const ParitySubject subject = parity_subject(given.source, given.other, rules);
  if (!given.report.empty()) {
    make_folders(given.report);
    const std::filesystem::path folder = given.report;
    write_text_file(folder / "report.json", parity_json(subject, result).dump(2) + "\n", false);
    write_text_file(folder / "junit.xml", parity_junit(result), false);
    write_text_file(folder / "report.html",
                    parity_html(subject, result,
                                {report_date(), command_text("parity", {given.source, given.other}, given)}),
                    false);
  }
  if (console.json()) {
    console.document(parity_json(subject, result));
  } else {
    console.result(parity_text(subject, result, console.verbose()));
  }
  const bool enough = result.covers() || given.allow_uncovered;
  if (result.holds() && !enough)
    console.message("tensors move that no program reads: --allow-uncovered accepts it");
  return result.holds() && enough ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command parity_command() {
  return {
      .name = "parity",
      .about = "Run the original and the fused modules and prove that they agree",
      .examples =
          R"(  tenon parity Mixtral-8x7B                          the plan's fused weights against the original ones
  tenon parity Mixtral-8x7B Mixtral-8x7B-fused       a converted checkpoint against its source
  tenon parity Llama-3-8B --fuse qkv --fuse gate_up  with fusion families
  tenon parity Llama-3-8B --fuse gate_up --layers 0-1 --tokens 64 --report out
  tenon parity --check out/report.json               later: are the checkpoints still those that were compared?)",
      .arguments = {{"ORIGINAL", "The checkpoint in its publisher's layout", member_of<&Options::source>(),
                     Completes::kCheckpoint, false},
                    {"FUSED", "The converted checkpoint (default: what the plan would write)",
                     member_of<&Options::other>(), Completes::kCheckpoint, false}},
      .run = run_parity_command};
}

}  // namespace tenon
