#include "report/sarif.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "base/content_hash.h"

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
int column_behind(std::string_view text) {
  return 1 + static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
         }));
}

// What a place says of its end: where the line's text ends.
Json region_of(const Place& place) {
  Json region = {{"startLine", place.line}};
  const std::string_view line = place.source_line;
  const auto begin = std::min(static_cast<std::size_t>(std::max(place.column, 1)) - 1, line.size());
  if (place.column > 0) region["startColumn"] = column_behind(line.substr(0, begin));
  if (line.empty()) return region;
  const std::size_t end = line.find_last_not_of(" \t\r");
  region["endLine"] = place.line;
  region["endColumn"] =
      column_behind(line.substr(0, std::max(begin, end == std::string_view::npos ? 0 : end + 1)));
  region["snippet"] = {{"text", place.source_line}};
  return region;
}

Json location_of(const Place& place) {
  Json physical = {{"artifactLocation", {{"uri", uri_of(place.file)}}}};
  if (place.line > 0) physical["region"] = region_of(place);
  return {{"physicalLocation", std::move(physical)}};
}

Json rule_of(const SarifRule& rule) {
  return {{"id", rule.id},
          {"shortDescription", {{"text", rule.about}}},
          {"help", {{"text", fmt::format("{} `tenon explain-error {}` says more.", rule.advice, rule.id)}}},
          {"defaultConfiguration", {{"level", sarif_level(rule.severity)}}}};
}

// What stays when lines move: the file, the kind of finding and what it says. The same once more is told by
// its number.
std::string fingerprint_of(const Diagnostic& d, std::map<std::string, int>& seen) {
  const std::string what =
      fmt::format("{}\n{}\n{}\n{}", d.id.name(), uri_of(d.place.file), d.place.inside, d.message);
  return content_hash(fmt::format("{}\n{}", what, seen[what]++));
}

Json result_of(const Diagnostic& d, const std::vector<SarifRule>& rules, std::map<std::string, int>& seen) {
  Json out = {{"ruleId", d.id.name()}};
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return d.id == r.id; });
  if (rule != rules.end()) out["ruleIndex"] = rule - rules.begin();
  out["level"] = sarif_level(d.severity);
  out["message"] = {{"text", d.hint.empty() ? d.message : fmt::format("{}. {}", d.message, d.hint)}};
  out["partialFingerprints"] = {{"tenonFinding/v1", fingerprint_of(d, seen)}};
  if (!d.place.file.empty()) out["locations"] = Json::array({location_of(d.place)});
  return out;
}

}  // namespace

Json sarif_of(const std::string& tool, const std::string& version, const std::vector<SarifRule>& rules,
              const std::vector<Diagnostic>& findings) {
  Json driver = {{"name", tool}, {"version", version}, {"rules", Json::array()}};
  for (const auto& rule : rules) driver["rules"].push_back(rule_of(rule));
  Json results = Json::array();
  std::map<std::string, int> seen;
  for (const auto& finding : findings) results.push_back(result_of(finding, rules, seen));
  Json run = {{"tool", {{"driver", std::move(driver)}}},
              {"columnKind", "unicodeCodePoints"},
              {"results", std::move(results)}};
  return {{"$schema", kSchema}, {"version", "2.1.0"}, {"runs", Json::array({std::move(run)})}};
}

}  // namespace tenon
