#include "report/batch_html.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/batch_report.h"
#include "report/html_text.h"

namespace tenon {
namespace {

using State = JobReport::State;

const char* class_of(State state) {
  if (state == State::kDone || state == State::kDoneBefore) return "good";
  return state == State::kFailed || state == State::kInterrupted ? "bad" : "quiet";
}

std::string headline(const BatchReport& report) {
  const std::size_t good = report.count(State::kDone) + report.count(State::kDoneBefore);
  const bool all = good == report.jobs.size();
  return fmt::format("<h1 class=\"{}\">{} of {} jobs {} done</h1>\n", all ? "good" : "bad", good,
                     report.jobs.size(), good == 1 ? "is" : "are") +
         (report.interrupted ? "<p>It was stopped; run again, it goes on.</p>\n" : "");
}

std::string link(const std::string& target, std::string_view words) {
  return target.empty() ? "" : fmt::format(" <a href=\"{}\">{}</a>", html_text(target), html_text(words));
}

std::string row(std::size_t number, const JobReport& job, const JobLinks& links) {
  std::string what = job_summary(job);
  if (what.empty()) what = job.error;
  const std::string size = job.conversion.bytes > 0 ? human_bytes(job.conversion.bytes) : "";
  return fmt::format(
      "<tr><td class=\"number\">{}</td><td class=\"path\">{}</td><td>{}</td><td "
      "class=\"{}\"><b>{}</b></td><td "
      "class=\"path\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}{}</td></tr>\n",
      number, html_text(job.name), name_of(job.task), class_of(job.state), result_of(job), html_text(what),
      size, job.seconds > 0 ? fmt::format("{:.2f} s", job.seconds) : "", link(links.page, "report"),
      link(links.log, "log"));
}

}  // namespace

std::string batch_html(const BatchReport& report, const std::vector<JobLinks>& links,
                       const ReportOrigin& origin) {
  std::string out = html_head("Batch " + report.file);
  out += headline(report);
  out += fmt::format("<p class=\"quiet\"><span class=\"path\">{}</span></p>\n", html_text(report.file));
  out +=
      "<div class=\"wide\"><table "
      "class=\"jobs\">\n<tr><th></th><th>job</th><th>task</th><th>result</th><th>what "
      "it made or found</th><th class=\"number\">size</th><th class=\"number\">time</th><th></th></tr>\n";
  for (std::size_t i = 0; i < report.jobs.size(); ++i) out += row(i + 1, report.jobs[i], links.at(i));
  out += "</table></div>\n<h2>Made with</h2>\n<table>\n<tr><td>tenon</td><td class=\"path\">" TENON_VERSION
         "</td></tr>\n";
  if (!origin.date.empty())
    out += fmt::format("<tr><td>date</td><td class=\"path\">{}</td></tr>\n", html_text(origin.date));
  if (!origin.command.empty())
    out += fmt::format("<tr><td>command</td><td class=\"path\">{}</td></tr>\n", html_text(origin.command));
  return out + "</table>\n</body>\n</html>\n";
}

}  // namespace tenon
