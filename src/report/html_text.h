// What every page of a report is written with.
#pragma once

#include <string>
#include <string_view>

namespace tenon {

/// As it stands between tags or in an attribute.
std::string html_text(std::string_view text);

/// "2026-01-31 12:00 UTC": now, or SOURCE_DATE_EPOCH where the environment has that.
std::string report_date();

}  // namespace tenon
