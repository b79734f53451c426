// The contents page: parse the command line, run the command, say what went wrong. Nothing else prints
// errors, and the exit status is chosen here alone:
//
//   0    done, and all checks hold
//   1    a check found something
//   2    the user's input is wrong: arguments, rules, a malformed checkpoint
//   3    the system failed, or tenon itself
//   130  stopped by Ctrl-C (128 + the signal)

#include <filesystem>
#include <new>

#include "base/diagnostics.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/parse.h"
#include "engine/engine.h"

namespace {

enum ExitStatus { kDone = 0, kFoundSomething = 1, kWrongInput = 2, kSystemFailed = 3, kSignal = 128 };

ExitStatus fail(tenon::Console& console, const std::string& message) {
  console.report({tenon::Severity::kError, "", {}, message, ""});
  return kSystemFailed;
}

int run(int argc, char** argv, tenon::Console& console) {
  try {
    const auto action = tenon::parse_command_line(argc, argv, tenon::all_commands());
    const auto verdict = action(console);
    console.flush();
    return verdict == tenon::Verdict::kHolds ? kDone : kFoundSomething;
  } catch (const tenon::UserError& error) {
    console.report(error.diagnostics());
    return kWrongInput;
  } catch (const tenon::SystemError& error) {
    return fail(console, error.what());
  } catch (const tenon::Interrupted& interrupted) {
    console.message(interrupted.what());
    return kSignal + tenon::caught_signal();
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(console, error.what());
  } catch (const std::bad_alloc&) {
    return fail(console, "out of memory");
  } catch (const std::exception& error) {
    console.message("This is a bug in tenon " TENON_VERSION
                    ": please report it with the command that you ran.");
    return fail(console, std::string("internal error: ") + error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  tenon::Console console(stdout, stderr);
  return run(argc, argv, console);
}
