// The form of SARIF 2.1.0, as far as tenon writes it: what its schema requires of each object, and that no
// object has a property that the schema does not know (it closes every object).
#include "report/sarif.h"

#include <catch2/catch.hpp>
#include <set>

using namespace tenon;
using Json = nlohmann::ordered_json;

namespace {

void check_properties(const Json& object, const std::set<std::string>& required,
                      const std::set<std::string>& known) {
  REQUIRE(object.is_object());
  for (const auto& name : required) {
    INFO(name);
    CHECK(object.contains(name));
  }
  for (const auto& [name, value] : object.items()) {
    INFO(name);
    CHECK(known.contains(name));
  }
}

void check_message(const Json& message) {
  check_properties(message, {"text"}, {"text", "markdown", "id", "arguments", "properties"});
  CHECK(message["text"].is_string());
}

void check_result(const Json& result, const Json& rules) {
  check_properties(result, {"message"},
                   {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"});
  CHECK(result["partialFingerprints"]["tenonFinding/v1"].get<std::string>().starts_with("xxh3-128:"));
  CHECK(
      std::set<std::string>{"none", "note", "warning", "error"}.contains(result["level"].get<std::string>()));
  CHECK(rules[result["ruleIndex"].get<std::size_t>()]["id"] == result["ruleId"]);
  check_message(result["message"]);
  for (const auto& location : result.value("locations", Json::array())) {
    check_properties(location, {"physicalLocation"}, {"physicalLocation"});
    const Json& physical = location["physicalLocation"];
    check_properties(physical, {"artifactLocation"}, {"artifactLocation", "region"});
    check_properties(physical["artifactLocation"], {"uri"}, {"uri"});
    if (!physical.contains("region")) continue;
    const Json& region = physical["region"];
    check_properties(region, {"startLine"}, {"startLine", "startColumn", "endLine", "endColumn", "snippet"});
    CHECK(region["startLine"].get<int>() >= 1);
    if (region.contains("startColumn")) CHECK(region["startColumn"].get<int>() >= 1);
    if (region.contains("endColumn"))
      CHECK(region["endColumn"].get<int>() > region["startColumn"].get<int>());
    if (region.contains("snippet")) check_message(region["snippet"]);
  }
}

void check_log(const Json& log) {
  check_properties(log, {"version", "runs"}, {"$schema", "version", "runs"});
  CHECK(log["version"] == "2.1.0");
  for (const auto& run : log["runs"]) {
    check_properties(run, {"tool"}, {"tool", "columnKind", "results"});
    CHECK(run["columnKind"] == "unicodeCodePoints");
    const Json& driver = run["tool"]["driver"];
    check_properties(driver, {"name"}, {"name", "version", "rules"});
    std::set<std::string> ids;
    for (const auto& rule : driver["rules"]) {
      check_properties(rule, {"id"}, {"id", "shortDescription", "help", "defaultConfiguration"});
      check_message(rule["help"]);
      check_message(rule["shortDescription"]);
      CHECK(ids.insert(rule["id"].get<std::string>()).second);
    }
    for (const auto& result : run["results"]) check_result(result, driver["rules"]);
  }
}

}  // namespace

TEST_CASE("findings become SARIF 2.1.0") {
  const std::vector<SarifRule> rules = {{"schema", "The form.", Severity::kError, "Mend it."},
                                        {"unescaped-dot", "A dot.", Severity::kWarning}};
  const std::vector<Diagnostic> findings = {
      {Severity::kWarning,
       "unescaped-dot"_id,
       {"my rules/ä.yaml", 3, 6, {}, "", "é: a.b"},
       "a dot",
       "Escape it."},
      {Severity::kError, "schema"_id, {"/tmp/b.yaml", 0, 0, {}, "", ""}, "no map", ""}};
  const Json log = sarif_of("tenon lint", "1.2.3", rules, findings);
  check_log(log);
  const Json& first = log["runs"][0]["results"][0];
  CHECK(first["ruleIndex"] == 1);
  CHECK(first["level"] == "warning");
  CHECK(first["message"]["text"] == "a dot. Escape it.");
  const Json& place = first["locations"][0]["physicalLocation"];
  CHECK(place["artifactLocation"]["uri"] == "my%20rules/%C3%A4.yaml");
  CHECK(place["region"]["startColumn"] == 5);
  CHECK(place["region"]["endLine"] == 3);
  CHECK(place["region"]["endColumn"] == 7);
  CHECK(log["runs"][0]["tool"]["driver"]["rules"][0]["help"]["text"] ==
        "Mend it. `tenon explain-error schema` says more.");
  CHECK(log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] ==
        "file:///tmp/b.yaml");
}

TEST_CASE("a finding is known again where lines have moved") {
  const auto prints = [](int line, const char* message) {
    const Diagnostic one{Severity::kError, "schema"_id, {"a.yaml", line, 1, {}, "", "x"}, message, ""};
    const Json log = sarif_of("tenon lint", "1", {{"schema", "", Severity::kError, ""}}, {one, one});
    std::vector<std::string> out;
    for (const auto& result : log["runs"][0]["results"])
      out.push_back(result["partialFingerprints"]["tenonFinding/v1"]);
    return out;
  };
  CHECK(prints(3, "no map") == prints(9, "no map"));
  CHECK(prints(3, "no map") != prints(3, "no list"));
  CHECK(prints(3, "no map")[0] != prints(3, "no map")[1]);
}

TEST_CASE("no finding is an empty list of results, not an absent one") {
  const Json log = sarif_of("tenon lint", "1.2.3", {}, {});
  check_log(log);
  CHECK(log["runs"][0]["results"].is_array());
}
