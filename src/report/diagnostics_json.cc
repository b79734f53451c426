#include "report/diagnostics_json.h"

#include "base/fields.h"

namespace tenon {
namespace {

// A diagnostic as programs get it.
struct Told {
  const Diagnostic& what;
};

struct Errors {
  const std::vector<Diagnostic>& all;
};

std::vector<Told> told(const std::vector<Diagnostic>& all) {
  std::vector<Told> out;
  for (const auto& diagnostic : all) out.push_back({diagnostic});
  return out;
}

std::optional<int> where(int number) {
  return number > 0 ? std::optional(number) : std::nullopt;
}

std::optional<std::string> where(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

template <>
struct FieldsOf<Told> {
  static std::vector<Field<Told>> fields() {
    return {
        field<Told>(
            "id", [](const Told& t) { return std::string(t.what.id.name()); },
            "Which kind: docs/errors.md has each"),
        field<Told>(
            "file", [](const Told& t) { return where(t.what.place.file); },
            "The file, or the command whose line it is"),
        field<Told>(
            "line", [](const Told& t) { return where(t.what.place.line); }, "From 1"),
        field<Told>(
            "column", [](const Told& t) { return where(t.what.place.column); }, "From 1, in bytes"),
        field<Told>(
            "offset", [](const Told& t) { return t.what.place.offset; }, "Of a byte in a binary file"),
        field<Told>(
            "key", [](const Told& t) { return where(t.what.place.inside); },
            "A tensor, a member of a JSON file, an option"),
        field<Told>(
            "message", [](const Told& t) { return t.what.message; }, "What is wrong"),
        field<Told>(
            "hint", [](const Told& t) { return where(t.what.hint); }, "What to do"),
    };
  }
};

template <>
struct FieldsOf<Errors> {
  static std::vector<Field<Errors>> fields() {
    return {field<Errors>(
        "errors", [](const Errors& e) { return told(e.all); }, "Everything that was found")};
  }
};

nlohmann::ordered_json errors_json(const std::vector<Diagnostic>& errors) {
  return document_of(Errors{errors});
}

nlohmann::ordered_json errors_schema() {
  return document_schema<Errors>("every command's errors with --json");
}

nlohmann::ordered_json warnings_json(const std::vector<Diagnostic>& warnings) {
  return json_of(told(warnings));
}

nlohmann::ordered_json with_warnings(nlohmann::ordered_json schema) {
  nlohmann::ordered_json member = {{"description", "Warnings and notes, as they stand on standard error"}};
  member.update(schema_of<std::vector<Told>>());
  schema["properties"]["warnings"] = std::move(member);
  schema["required"].push_back("warnings");
  return schema;
}

}  // namespace tenon
