#include "report/schemas.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/fields.h"
#include "plan/dump_plan.h"
#include "report/batch_report.h"
#include "report/conversion_report.h"
#include "report/damage_report.h"
#include "report/diagnostics_json.h"
#include "report/diff_report.h"
#include "report/doctor_report.h"
#include "report/explain_report.h"
#include "report/inspect_report.h"
#include "report/lint_report.h"
#include "report/parity_check_report.h"
#include "report/parity_report.h"
#include "report/rules_report.h"
#include "report/verify_report.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// "string", "list of objects", "integer or null".
std::string type_text(const Json& schema) {
  if (schema.contains("const")) return schema["const"].dump();
  if (!schema.contains("type")) return "anything";
  if (schema["type"].is_array())
    return fmt::format("{}", fmt::join(schema["type"].get<std::vector<std::string>>(), " or "));
  const std::string type = schema["type"];
  if (type == "array") return "list of " + type_text(schema["items"]);
  return type;
}

// The objects that a member leads to: itself, or the elements of its list.
const Json& innermost(const Json& schema) {
  if (schema.contains("items")) return innermost(schema["items"]);
  return schema;
}

void list_members(const Json& object, int depth, std::string& out) {
  const auto& required = object["required"];
  for (const auto& [name, member] : object["properties"].items()) {
    const bool always = std::find(required.begin(), required.end(), name) != required.end();
    out += fmt::format("{:{}}- `{}` ({}{}): {}\n", "", depth * 2, name, type_text(member),
                       always ? "" : ", not always there", member["description"].get<std::string>());
    const Json& inner = innermost(member);
    if (inner.contains("properties") && name != "warnings") list_members(inner, depth + 1, out);
  }
}

constexpr const char* kIntroduction = R"(# JSON

With `--json` (`--format json` of `tenon lint`) a command's standard output is one document. Each has a `format` number, which changes when a member is renamed, goes
away or means something else; new members do not change it. `tenon schema COMMAND` prints the document's JSON Schema (draft 2020-12).

Warnings and notes that stand on standard error stand in `warnings` too, but for those of `lint`, which are its findings. Where a command fails, the document
is the one under "errors", and the exit status 2 (the input is wrong) or 3 (the system failed).

This page is made by `tenon schema`; a test compares the two.
)";

}  // namespace

std::vector<DocumentSchema> document_schemas() {
  return {{"convert", with_warnings(conversion_schema())},
          {"convert report", damage_schema()},
          {"plan", with_warnings(plan_schema())},
          {"explain", with_warnings(explain_schema())},
          {"inspect", with_warnings(inspect_schema())},
          {"diff", with_warnings(diff_schema())},
          {"verify", with_warnings(verify_schema())},
          {"parity", with_warnings(parity_schema())},
          {"parity check", with_warnings(parity_check_schema())},
          {"lint", lint_schema()},
          {"batch", with_warnings(batch_schema())},
          {"rules list", with_warnings(rules_list_schema())},
          {"rules show", with_warnings(rules_show_schema())},
          {"doctor", with_warnings(doctor_schema())},
          {"errors", errors_schema()}};
}

std::string schemas_page() {
  std::string out = kIntroduction;
  for (const auto& [command, schema] : document_schemas()) {
    out += fmt::format("\n## {}\n\n", command);
    list_members(schema, 0, out);
  }
  return out;
}

}  // namespace tenon
