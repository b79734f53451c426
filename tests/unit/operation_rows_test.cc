// What is written down of the layout operations elsewhere comes from their rows: the rule schema, the table
// in docs/rules.md, the words for fuzzing. `TENON_WRITE_GENERATED=1 unit_tests '[generated]'`
// (tools/write-generated) writes them anew.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "rules/operations/registry.h"

using namespace tenon;

namespace {

using Json = nlohmann::ordered_json;

std::string path_of(const std::string& name) {
  return std::string(TENON_SOURCE_ROOT) + "/" + name;
}

std::string text_of(const std::string& name) {
  std::ifstream in(path_of(name), std::ios::binary);
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Compares, or writes where that is asked for.
void keep(const std::string& name, const std::string& wanted) {
  if (std::getenv("TENON_WRITE_GENERATED") != nullptr)
    std::ofstream(path_of(name), std::ios::binary) << wanted;
  INFO(name << " is not what the rows say: run tools/write-generated");
  CHECK(text_of(name) == wanted);
}

// The text with what stands between two marks replaced.
std::string replaced(std::string text, const std::string& begin, const std::string& end,
                     const std::string& by) {
  const std::size_t from = text.find(begin);
  REQUIRE(from != std::string::npos);
  const std::size_t to = text.find(end, from + begin.size());
  REQUIRE(to != std::string::npos);
  return text.replace(from + begin.size(), to - from - begin.size(), by);
}

Json schema_of_operations() {
  Json names = Json::array();
  Json operations = Json::object();
  for (const OperationRow* row : operation_rows()) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const OperationParameter& parameter : row->parameters) {
      Json schema = parameter.schema;
      schema["description"] = parameter.about;
      properties[parameter.name] = std::move(schema);
      if (parameter.required) required.push_back(parameter.name);
    }
    Json operation = {{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
    if (!required.empty()) operation["required"] = required;
    operation["description"] = row->about;
    operations[row->name] = std::move(operation);
    if (required.empty()) names.push_back(row->name);
  }
  return {{"oneOf",
           {{{"enum", names}},
            {{"type", "object"},
             {"additionalProperties", false},
             {"properties", operations},
             {"minProperties", 1},
             {"maxProperties", 1}}}}};
}

std::string table_of_operations() {
  std::string out;
  for (const OperationRow* row : operation_rows()) {
    std::vector<std::string> names;
    for (const OperationParameter& parameter : row->parameters) names.push_back("`" + parameter.name + "`");
    out += fmt::format("| `{}` | {} | {} | {} |\n", row->name, fmt::join(names, ", "), row->long_about,
                       row->inverse);
  }
  return out;
}

std::string words_of_operations() {
  std::string out;
  std::set<std::string> parameters;
  for (const OperationRow* row : operation_rows()) {
    out += fmt::format("\"{}:\"\n", row->name);
    for (const OperationParameter& parameter : row->parameters) parameters.insert(parameter.name);
  }
  for (const auto& name : parameters) out += fmt::format("\"{}:\"\n", name);
  return out;
}

}  // namespace

TEST_CASE("the rule schema has what the rows of operations say", "[generated]") {
  const std::string name = "rules/tenon-rules.schema.json";
  Json schema = Json::parse(text_of(name));
  schema["$defs"]["operation"] = schema_of_operations();
  keep(name, schema.dump(2) + "\n");
}

TEST_CASE("the table of operations in docs/rules.md has what their rows say", "[generated]") {
  const std::string name = "docs/rules.md";
  keep(name,
       replaced(text_of(name), "| operation | parameters | what it does | inverse |\n|---|---|---|---|\n",
                "\n## Values from the config", table_of_operations()));
}

TEST_CASE("the words for fuzzing rules have every operation and parameter", "[generated]") {
  const std::string name = "tests/fuzz/rules.dict";
  keep(name, replaced(text_of(name), "# operations\n", "# end of operations\n", words_of_operations()));
}

TEST_CASE("a row says everything that it is to say") {
  std::set<std::string> names;
  for (const OperationRow* row : operation_rows()) {
    INFO(row->name);
    CHECK(names.insert(row->name).second);
    CHECK(row->about.ends_with('.'));
    CHECK_FALSE(row->long_about.empty());
    CHECK_FALSE(row->inverse.empty());
    // The reciprocal of a number is one thing.
    CHECK(row->parameters.empty() == (row->name == "Reciprocal"));
    CHECK(&row->make()->row() == row);
    for (const OperationParameter& parameter : row->parameters) CHECK(parameter.about.ends_with('.'));
  }
}
