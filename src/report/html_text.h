// What every page of a report is written with.
#pragma once

#include <string>
#include <string_view>

namespace tenon {

/// As it stands between tags or in an attribute.
std::string html_text(std::string_view text);

/// "2026-01-31 12:00 UTC": now, or SOURCE_DATE_EPOCH where the environment has that.
std::string report_date();

/// When a report was made, and by what; empty members are left out.
struct ReportOrigin {
  /// "2026-01-31 12:00 UTC"
  std::string date;
  std::string command;
};

/// The style sheet of all pages: light, dark, print.
std::string_view page_style();

/// The head of a page that needs nothing else: no network, no script. The body is open behind it.
std::string html_head(std::string_view title);

}  // namespace tenon
