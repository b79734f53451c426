// The parity report as one page that needs nothing else: no network, no script.
#pragma once

#include <string>

#include "parity/result.h"
#include "report/html_text.h"
#include "report/parity_report.h"

namespace tenon {

/// report.html: the verdict, the heat map of rho by layer, histograms, the worst element, every module.
std::string parity_html(const ParitySubject& subject, const ParityResult& result,
                        const ReportOrigin& origin = {});

}  // namespace tenon
