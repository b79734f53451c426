#include "report/sarif.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "https://json.schemastore.org/sarif-2.1.0.json";

const char* sarif_level(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "none";
}

std::string uri_of(const std::string& path) {
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : std::filesystem::path(path).lexically_normal().generic_string()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Columns count UTF-16 code units in SARIF unless columnKind says otherwise; tenon's places count bytes, so
// the column is counted anew from the source line.
int column_of(const Place& place) {
  const auto bytes =
      std::min(static_cast<std::size_t>(std::max(place.column, 1)) - 1, place.source_line.size());
  int column = 1;
  for (std::size_t i = 0; i < bytes; ++i) {
    const auto c = static_cast<unsigned char>(place.source_line[i]);
    if ((c & 0xC0U) != 0x80U) ++column;
  }
  return column;
}

Json location_of(const Place& place) {
  Json physical = {{"artifactLocation", {{"uri", uri_of(place.file)}}}};
  if (place.line > 0) {
    Json region = {{"startLine", place.line}};
    if (place.column > 0) region["startColumn"] = column_of(place);
    if (!place.source_line.empty()) region["snippet"] = {{"text", place.source_line}};
    physical["region"] = std::move(region);
  }
  return {{"physicalLocation", std::move(physical)}};
}

Json rule_of(const SarifRule& rule) {
  return {{"id", rule.id},
          {"shortDescription", {{"text", rule.about}}},
          {"defaultConfiguration", {{"level", sarif_level(rule.severity)}}}};
}

Json result_of(const Diagnostic& d, const std::vector<SarifRule>& rules) {
  Json out = {{"ruleId", d.id}};
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.id == d.id; });
  if (rule != rules.end()) out["ruleIndex"] = rule - rules.begin();
  out["level"] = sarif_level(d.severity);
  out["message"] = {{"text", d.hint.empty() ? d.message : fmt::format("{}. {}", d.message, d.hint)}};
  if (!d.place.file.empty()) out["locations"] = Json::array({location_of(d.place)});
  return out;
}

}  // namespace

Json sarif_of(const std::string& tool, const std::string& version, const std::vector<SarifRule>& rules,
              const std::vector<Diagnostic>& findings) {
  Json driver = {{"name", tool}, {"version", version}, {"rules", Json::array()}};
  for (const auto& rule : rules) driver["rules"].push_back(rule_of(rule));
  Json results = Json::array();
  for (const auto& finding : findings) results.push_back(result_of(finding, rules));
  Json run = {{"tool", {{"driver", std::move(driver)}}},
              {"columnKind", "unicodeCodePoints"},
              {"results", std::move(results)}};
  return {{"$schema", kSchema}, {"version", "2.1.0"}, {"runs", Json::array({std::move(run)})}};
}

}  // namespace tenon
