#include "tasks/batch.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "cli/command_text.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "cli/interrupt.h"
#include "report/batch_html.h"
#include "report/batch_report.h"
#include "report/html_text.h"
#include "report/parity_html.h"
#include "report/parity_report.h"
#include "tasks/batch_file.h"

namespace tenon {
namespace {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw SystemError("write", path, errno);
}

// The pages of a batch's comparisons, each written when its job ends.
class ReportFolder {
 public:
  explicit ReportFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void keep(const JobReport& job) {
    if (folder_.empty() || !job.parity) return;
    // As its log is called.
    const std::filesystem::path name = std::filesystem::path(job.log).stem();
    make_folders(folder_ / name);
    const ParitySubject subject = parity_subject(job.source, job.destination, job.parity->rules);
    const ParityResult& result = job.parity->result;
    write_file(folder_ / name / "report.json", parity_json(subject, result).dump(2) + "\n");
    write_file(folder_ / name / "junit.xml", parity_junit(result));
    write_file(folder_ / name / "report.html", parity_html(subject, result, {report_date(), ""}));
  }

  void finish(const BatchReport& report, const Options& options) const {
    if (folder_.empty()) return;
    std::vector<JobLinks> links;
    for (const JobReport& job : report.jobs) {
      const std::filesystem::path log = job.log;
      links.push_back({job.parity ? (log.stem() / "report.html").string() : "",
                       log.empty() ? "" : log.lexically_proximate(folder_).string()});
    }
    make_folders(folder_);
    write_file(folder_ / "index.html",
               batch_html(report, links, {report_date(), command_text("batch", {options.file}, options)}));
    write_file(folder_ / "junit.xml", batch_junit(report));
  }

 private:
  std::filesystem::path folder_;
};

Verdict batch(const Options& given, Console& console) {
  Options options = given;
  // A page without the messages would be half a report.
  if (options.logs.empty()) options.logs = options.report;
  const auto jobs = read_batch_file(options.file);
  const Library library = library_of(options);
  ConsoleObserver observer(console);
  const InterruptGuard guard;
  ReportFolder pages(options.report);
  const BatchReport report = run_batch(jobs, library, options, observer,
                                       [&](const BatchJob&, const JobReport& job) { pages.keep(job); });
  pages.finish(report, given);
  if (!options.junit.empty()) write_file(options.junit, batch_junit(report));
  if (console.json()) {
    console.document(batch_json(report));
  } else {
    console.result(batch_text(report));
  }
  if (report.interrupted) observer.throw_if_stopped();
  return report.count(JobReport::State::kFailed) == 0 ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command batch_command() {
  return {
      .name = "batch",
      .about = "Run many conversions and comparisons from one file, with one summary",
      .examples =
          R"(  tenon batch jobs.yaml                                 every job; exit status 1 if any failed
  tenon batch jobs.yaml                                 again: what is finished is skipped, what was begun goes on
  tenon batch jobs.yaml --dry-run                       plan every job, write nothing
  tenon batch jobs.yaml --only mixtral --only qwen      these jobs
  tenon batch jobs.yaml --fail-fast                     stop at the first that fails
  tenon batch jobs.yaml --jobs 4                        four at a time; what waits for another job waits
  tenon batch jobs.yaml --report out                    out/index.html, with a page and a log for each job
  tenon batch jobs.yaml --junit report.xml              a report for CI, beside the text
  tenon batch jobs.yaml --json | jq '.jobs[] | select(.result == "failed")'

A batch file (paths are relative to it; the keys are the flags of 'tenon convert'):
  defaults:
    verify: true
  jobs:
    - source: models/Qwen*
      destination: fused/{name}
    - name: mixtral back
      source: fused/Mixtral-8x7B
      destination: back/Mixtral-8x7B
      to: original
    - task: parity                        # or diff, between source and other
      source: models/Mixtral-8x7B
      fused: fused/Mixtral-8x7B)",
      .arguments = {{"JOBS.yaml", "The batch file", member_of<&Options::file>(), Completes::kFile}},
      .run = batch};
}

}  // namespace tenon
