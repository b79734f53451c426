// The parity report as one page that needs nothing else: no network, no script.
#pragma once

#include <string>

#include "parity/parity.h"
#include "report/parity_report.h"

namespace tenon {

/// report.html: the verdict, the heat map of rho by layer, histograms, the worst element, every module.
std::string parity_html(const ParitySubject& subject, const ParityResult& result);

/// The page's style sheet: light, dark, print.
std::string_view parity_style();

}  // namespace tenon
