#include "report/junit.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("a suite counts its failures and skipped cases, and escapes what it quotes") {
  using State = JUnitCase::State;
  const std::string xml =
      junit_xml("jobs \"x\".yaml", {{"tenon.batch", "a", 1.5, State::kPassed, "", "out < in"},
                                    {"tenon.batch", "b&c", 0.25, State::kFailed, "bad\x01\nmore", ""},
                                    {"tenon.batch", "d", 0, State::kSkipped, "why", ""}});
  CHECK(xml == R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="jobs &quot;x&quot;.yaml" tests="3" failures="1" errors="0" skipped="1" time="1.750">
  <testcase classname="tenon.batch" name="a" time="1.500">
    <system-out>out &lt; in</system-out>
  </testcase>
  <testcase classname="tenon.batch" name="b&amp;c" time="0.250">
    <failure message="bad?">bad?
more</failure>
  </testcase>
  <testcase classname="tenon.batch" name="d" time="0.000">
    <skipped message="why"/>
  </testcase>
</testsuite>
</testsuites>
)");
}
