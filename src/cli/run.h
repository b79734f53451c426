// The program: what main() and the Python package's `tenon` run.
#pragma once

namespace tenon {

/// Parses, runs, says what went wrong on standard error; returns the exit status:
///
///   0    done, and all checks hold
///   1    a check found something
///   2    the user's input is wrong: arguments, rules, a malformed checkpoint
///   3    the system failed, or tenon itself
///   130  stopped by Ctrl-C (128 + the signal)
int run_program(int argc, char** argv);

}  // namespace tenon
