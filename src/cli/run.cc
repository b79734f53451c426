#include "cli/run.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/observer.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/parse.h"

namespace tenon {
namespace {

enum ExitStatus { kDone = 0, kFoundSomething = 1, kWrongInput = 2, kSystemFailed = 3, kSignal = 128 };

ExitStatus fail(Console& console, ErrorId id, const std::string& message) {
  console.failed({{Severity::kError, id, {}, message, ""}});
  return kSystemFailed;
}

int run(int argc, char** argv, Console& console) {
  const std::vector<std::string_view> words(argv + 1, argv + std::max(argc, 1));
  if (std::find(words.begin(), words.end(), "--json") != words.end()) console.expect_json();
  try {
    const auto action = parse_command_line(argc, argv, all_commands());
    const auto verdict = action(console);
    console.flush();
    return verdict == Verdict::kHolds ? kDone : verdict == Verdict::kFound ? kFoundSomething : kWrongInput;
  } catch (const UserError& error) {
    console.failed(error.diagnostics());
    return kWrongInput;
  } catch (const SystemError& error) {
    return fail(console, error.id(), error.what());
  } catch (const Interrupted& interrupted) {
    console.message(interrupted.what());
    return kSignal + caught_signal();
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(console, "system-call"_id, error.path1().string() + ": " + error.code().message());
  } catch (const std::bad_alloc&) {
    return fail(console, "system-memory"_id, "out of memory");
  } catch (const std::exception& error) {
    console.message("This is a bug in tenon " TENON_VERSION
                    ": please report it with the command that you ran.");
    return fail(console, "tenon-bug"_id, std::string("internal error: ") + error.what());
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  Console console(stdout, stderr);
  return run(argc, argv, console);
}

}  // namespace tenon
