// A batch as one page, with links to what its jobs left.
#pragma once

#include <string>
#include <vector>

#include "report/html_text.h"
#include "tasks/batch.h"

namespace tenon {

/// What a job left, relative to the page; "" for none.
struct JobLinks {
  std::string page;
  std::string log;
};

/// index.html, with the `links` of each job. Needs no network and no script.
std::string batch_html(const BatchReport& report, const std::vector<JobLinks>& links,
                       const ReportOrigin& origin = {});

}  // namespace tenon
