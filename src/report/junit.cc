#include "report/junit.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::string outcome_of(const JUnitCase& test) {
  switch (test.state) {
    case JUnitCase::State::kPassed:
      return "";
    case JUnitCase::State::kFailed:
      return fmt::format("    <failure message=\"{}\">{}</failure>\n", escaped(first_line(test.message)),
                         escaped(test.message));
    case JUnitCase::State::kSkipped:
      return fmt::format("    <skipped message=\"{}\"/>\n", escaped(first_line(test.message)));
  }
  return "";
}

}  // namespace

std::string first_line(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

std::string junit_xml(const std::string& suite, const std::vector<JUnitCase>& cases) {
  const auto count = [&](JUnitCase::State state) {
    return std::count_if(cases.begin(), cases.end(), [&](const auto& test) { return test.state == state; });
  };
  double seconds = 0;
  for (const auto& test : cases) seconds += test.seconds;
  const std::string totals = fmt::format(
      "name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3f}\"", escaped(suite),
      cases.size(), count(JUnitCase::State::kFailed), count(JUnitCase::State::kSkipped), seconds);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  out += fmt::format("<testsuite {}>\n", totals);
  for (const auto& test : cases) {
    out += fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n", escaped(test.group),
                       escaped(test.name), test.seconds);
    out += outcome_of(test);
    if (!test.output.empty()) out += fmt::format("    <system-out>{}</system-out>\n", escaped(test.output));
    out += "  </testcase>\n";
  }
  return out + "</testsuite>\n</testsuites>\n";
}

}  // namespace tenon
