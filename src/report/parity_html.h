// The parity report as one page that needs nothing else: no network, no script.
#pragma once

#include <string>

#include "parity/result.h"
#include "report/parity_report.h"

namespace tenon {

/// When a report was made, and by what; empty members are left out.
struct ReportOrigin {
  /// "2026-01-31 12:00 UTC"
  std::string date;
  std::string command;
};

/// report.html: the verdict, the heat map of rho by layer, histograms, the worst element, every module.
std::string parity_html(const ParitySubject& subject, const ParityResult& result,
                        const ReportOrigin& origin = {});

/// The page's style sheet: light, dark, print.
std::string_view parity_style();

}  // namespace tenon
