// Reads paths from the standard input and prints for each what the header reader says: "accept", or the
// message on one line. For tests that judge thousands of files.
#include <algorithm>
#include <iostream>
#include <string>

#include "checkpoint/header.h"

int main() {
  for (std::string path; std::getline(std::cin, path);) {
    std::string verdict = "accept";
    try {
      tenon::Diagnostics warnings;
      tenon::read_header(path, warnings);
    } catch (const tenon::UserError& error) {
      verdict = error.diagnostics().front().message;
    }
    std::replace(verdict.begin(), verdict.end(), '\n', ' ');
    std::cout << verdict << '\n';
  }
}
