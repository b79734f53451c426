// The contents page is src/cli/run.cc: parse the command line, run the command, say what went wrong. Nothing
// else prints errors, and the exit status is chosen there alone.

#include "cli/run.h"

int main(int argc, char** argv) {
  return tenon::run_program(argc, argv);
}
