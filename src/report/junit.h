// JUnit XML, as CI systems read it.
#pragma once

#include <string>
#include <vector>

namespace tenon {

struct JUnitCase {
  enum class State { kPassed, kFailed, kSkipped };
  /// `classname`
  std::string group;
  std::string name;
  double seconds = 0;
  State state = State::kPassed;
  /// of a failure: its first line is the summary; of a skipped case: why
  std::string message;
  /// what the case printed
  std::string output;
};

/// The first line of a message is its summary.
std::string first_line(const std::string& message);

/// One test suite as an XML document, ending in a newline. Characters that XML cannot hold become '?'.
std::string junit_xml(const std::string& suite, const std::vector<JUnitCase>& cases);

}  // namespace tenon
