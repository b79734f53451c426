#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <memory>

#include "base/diagnostics.h"
#include "cli/batch_file.h"
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "report/conversion_report.h"

namespace tenon {
namespace {

struct BatchFlags {
  std::string file;
  std::string library;
  std::string junit;
  bool fail_fast = false;
  bool json = false;
};

void convert(const BatchJob& job, const Library& library, JobReport& report, Console& console) {
  const auto planned = plan_conversion(job.request.source, job.request.plan, library);
  console.report(planned.source.warnings);
  console.report(planned.plan.notes);
  report.conversion = carry_out(planned, job.request, console);
  if (report.conversion.findings.empty()) {
    report.state = JobReport::State::kDone;
  } else {
    report.error = conversion_text(report.conversion);
  }
}

// A job that fails is a result; only Ctrl-C ends the batch.
JobReport run_job(const BatchJob& job, const Library& library, Console& console) {
  JobReport report{job.name, job.request.source, job.request.destination, JobReport::State::kFailed, 0, "",
                   {}};
  const auto start = std::chrono::steady_clock::now();
  try {
    convert(job, library, report, console);
  } catch (const UserError& error) {
    report.error = error.what();
    console.report(error.diagnostics());
  } catch (const SystemError& error) {
    report.error = error.what();
    console.report({Severity::kError, "", {}, error.what(), ""});
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw SystemError("write", path, errno);
}

Verdict batch(const BatchFlags& flags, Console& console) {
  const auto jobs = read_batch_file(flags.file);
  const Library library = library_at(flags.library);
  BatchReport report{flags.file, {}};
  bool stopped = false;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& request = jobs[i].request;
    if (stopped) {
      report.jobs.push_back(
          {jobs[i].name, request.source, request.destination, JobReport::State::kNotRun, 0, "", {}});
      continue;
    }
    console.message(fmt::format("[{}/{}] {}: {} to {}", i + 1, jobs.size(), jobs[i].name, request.source,
                                request.destination));
    report.jobs.push_back(run_job(jobs[i], library, console));
    stopped = flags.fail_fast && report.jobs.back().state == JobReport::State::kFailed;
  }
  if (!flags.junit.empty()) write_file(flags.junit, batch_junit(report));
  if (flags.json) {
    console.json_result(batch_json(report));
  } else {
    console.result(batch_text(report));
  }
  return report.count(JobReport::State::kFailed) == 0 ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command batch_command() {
  return {"batch", "Run many conversions from one file, with one summary",
          R"(Examples:
  tenon batch jobs.yaml                                 every job; exit status 1 if any failed
  tenon batch jobs.yaml --fail-fast                     stop at the first that fails
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
      to: original)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<BatchFlags>();
            app.add_option("JOBS.yaml", flags->file, "The batch file")->required()->option_text(" ");
            app.add_flag("--fail-fast", flags->fail_fast, "Stop at the first job that fails");
            app.add_option("--junit", flags->junit, "Also write a JUnit XML report to this file")
                ->option_text("FILE");
            app.add_flag("--json", flags->json, "One JSON document");
            add_library_flag(app, flags->library);
            return [flags](Console& console) { return batch(*flags, console); };
          }};
}

}  // namespace tenon
