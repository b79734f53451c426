#include "report/error_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace tenon {
namespace {

constexpr std::string_view kPageHead = R"(# Errors

Every error, warning and note of tenon bears a stable id in brackets: `error[plan-key-lost]`. The id stays the same where the words of a
message change, so that programs and tests go by it. `tenon explain-error ID` prints what stands here; this page is made by
`tenon explain-error --markdown`.

The exit status is 2 for what is wrong with the input, 3 for `system-...` and `tenon-bug`; warnings and notes do not change it.
)";

struct Area {
  std::string_view title;
  std::vector<const ErrorEntry*> entries;
};

// Which ids stand together, by what they begin with; the longest that fits counts. What fits none is of lint.
constexpr std::pair<std::string_view, std::string_view> kTitles[] = {
    {"args-", "The command line"},
    {"batch-", "Batch files"},
    {"config-", "config.json"},
    {"expression-", "Expressions in rules"},
    {"family-", "Fusion families"},
    {"file-", "Files and folders that are read"},
    {"fill-", "Files and folders that are read"},
    {"link-", "Files and folders that are read"},
    {"side-", "Files and folders that are read"},
    {"hub-", "Files and folders that are read"},
    {"header-", "Headers of safetensors files"},
    {"index-", "The index"},
    {"journal-", "Interrupted runs"},
    {"json-", "JSON files"},
    {"key-", "Keys that do not fit a rule"},
    {"companion-", "What belongs together"},
    {"layer-", "What belongs together"},
    {"layers-", "What belongs together"},
    {"quantisation-", "What belongs together"},
    {"layout-", "Which layout it is"},
    {"manifest-", "The manifest"},
    {"output-", "The destination"},
    {"parity-", "Parity and module programs"},
    {"plan-", "The plan"},
    {"copy-", "The plan"},
    {"cut-", "The plan"},
    {"tied-", "The plan"},
    {"rules-", "Rule files"},
    {"rule-op-", "Layout operations"},
    {"shard-", "Shards"},
    {"shards-", "Shards"},
    {"system-", "The system"},
    {"tenon-", "The system"},
    {"value-", "Values"},
    {"verify-", "Verify"},
    {"yaml-", "YAML of rule and batch files"},
    {"", "Rules, as lint and other commands see them"},
};

std::string_view title_of(std::string_view id) {
  const auto* best = &kTitles[std::size(kTitles) - 1];
  for (const auto& title : kTitles) {
    if (id.starts_with(title.first) && title.first.size() > best->first.size()) best = &title;
  }
  return best->second;
}

// In the order of the titles.
std::vector<Area> areas() {
  std::vector<Area> out;
  for (const auto& [prefix, title] : kTitles) {
    if (out.empty() || out.back().title != title) out.push_back({title, {}});
  }
  for (const auto& entry : error_table()) {
    const auto at = std::find_if(out.begin(), out.end(),
                                 [&](const Area& area) { return area.title == title_of(entry.id); });
    at->entries.push_back(&entry);
  }
  std::erase_if(out, [](const Area& area) { return area.entries.empty(); });
  return out;
}

// A cell of a Markdown table, or its running text: a bar would end the one, a star or an underscore change
// the other.
std::string escaped(std::string_view text) {
  std::string out;
  bool in_code = false;
  for (const char c : text) {
    if (c == '`') in_code = !in_code;
    if (!in_code && (c == '*' || c == '_' || c == '<' || c == '[')) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string error_text(const ErrorEntry& entry) {
  return fmt::format("{}\n\n  {}\n\nExample\n  {}\n\nWhat to do\n  {}\n", entry.id, entry.about,
                     entry.example, entry.remedy);
}

std::string error_list() {
  std::size_t width = 0;
  for (const auto& entry : error_table()) width = std::max(width, entry.id.size());
  std::string out;
  for (const auto& area : areas()) {
    out += fmt::format("{}{}\n", out.empty() ? "" : "\n", area.title);
    for (const auto* entry : area.entries)
      out += fmt::format("  {:{}}  {}\n", entry->id, width, entry->about);
  }
  return out;
}

std::string errors_page() {
  std::string out(kPageHead);
  for (const auto& area : areas()) {
    out += fmt::format("\n## {}\n", area.title);
    for (const auto* entry : area.entries) {
      out += fmt::format("\n### {}\n\n{}\n\n```\n{}\n```\n\n{}\n", entry->id, escaped(entry->about),
                         entry->example, escaped(entry->remedy));
    }
  }
  return out;
}

}  // namespace tenon
