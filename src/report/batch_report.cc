#include "report/batch_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/conversion_fields.h"
#include "report/conversion_report.h"
#include "report/diff_report.h"
#include "report/junit.h"
#include "report/parity_report.h"
#include "report/table.h"

namespace tenon {
namespace {

const char* name_of(JobReport::State state) {
  switch (state) {
    case JobReport::State::kDone:
      return "done";
    case JobReport::State::kDoneBefore:
      return "done before";
    case JobReport::State::kPlanned:
      return "planned";
    case JobReport::State::kFailed:
      return "failed";
    case JobReport::State::kInterrupted:
      return "interrupted";
    case JobReport::State::kNotRun:
      return "not run";
  }
  return "";
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// kFailed.
std::string error_of(const JobReport& job) {
  if (!job.error.empty()) return job.error;
  return job.task == BatchTask::kConvert ? conversion_text(job.conversion) : job_summary(job) + "\n";
}

std::string failure_text(const JobReport& job, bool interrupted) {
  switch (job.state) {
    case JobReport::State::kDone:
    case JobReport::State::kDoneBefore:
    case JobReport::State::kPlanned:
      return "";
    case JobReport::State::kFailed:
      return error_of(job);
    case JobReport::State::kInterrupted:
      return "interrupted";
    case JobReport::State::kNotRun:
      if (!job.error.empty()) return "not run: " + job.error;
      return interrupted ? "not run: the batch was stopped" : "not run: an earlier job failed";
  }
  return "";
}

JUnitCase::State junit_state(JobReport::State state) {
  switch (state) {
    case JobReport::State::kDone:
    case JobReport::State::kDoneBefore:
    case JobReport::State::kPlanned:
      return JUnitCase::State::kPassed;
    case JobReport::State::kFailed:
    case JobReport::State::kInterrupted:
      return JUnitCase::State::kFailed;
    case JobReport::State::kNotRun:
      return JUnitCase::State::kSkipped;
  }
  return JUnitCase::State::kFailed;
}

// What the table shows of a job that did not fail.
std::string beside_of(const JobReport& job) {
  if (job.task == BatchTask::kConvert) return job.destination;
  const std::string summary = job_summary(job);
  if (!summary.empty()) return summary;
  return job.destination.empty() ? "its plan" : job.destination;
}

}  // namespace

std::string_view result_of(const JobReport& job) {
  return name_of(job.state);
}

std::string job_summary(const JobReport& job) {
  if (job.parity) {
    const ParitySubject subject = parity_subject(job.source, job.destination, job.parity->rules);
    return first_line(parity_text(subject, job.parity->result));
  }
  if (job.difference) return last_line(diff_text(*job.difference));
  const bool was_run = job.state == JobReport::State::kDone ||
                       (job.state == JobReport::State::kFailed && !job.conversion.findings.empty());
  return was_run ? last_line(conversion_text(job.conversion)) : "";
}

template <>
struct FieldsOf<JobReport> {
  static std::vector<Field<JobReport>> fields() {
    return {
        field<JobReport>("name", &JobReport::name, "The job"),
        field<JobReport>("source", &JobReport::source, "The checkpoint to convert or to compare"),
        field<JobReport>("destination", &JobReport::destination,
                         "The folder to make; of a comparison the other checkpoint"),
        field<JobReport>(
            "task", [](const JobReport& r) { return std::string(name_of(r.task)); },
            "convert, parity or diff"),
        field<JobReport>(
            "result", [](const JobReport& r) { return std::string(name_of(r.state)); },
            "done, done before, planned, failed, interrupted or not run"),
        field<JobReport>(
            "summary",
            [](const JobReport& r) {
              const std::string text = job_summary(r);
              return text.empty() ? std::nullopt : std::optional(text);
            },
            "Of a job that was run: what it made or found, in a line"),
        field<JobReport>(
            "log", [](const JobReport& r) { return r.log.empty() ? std::nullopt : std::optional(r.log); },
            "With --logs or --report: the file of its messages"),
        field<JobReport>("seconds", &JobReport::seconds, "How long the job took"),
        field<JobReport>(
            "error",
            [](const JobReport& r) {
              return r.state == JobReport::State::kFailed ? std::optional(error_of(r)) : std::nullopt;
            },
            "Of a failed job: every message"),
        field<JobReport>(
            "conversion",
            [](const JobReport& r) {
              const bool made = r.state == JobReport::State::kDone && r.task == BatchTask::kConvert;
              return made ? std::optional(r.conversion) : std::nullopt;
            },
            "Of a conversion that is done: as of tenon convert"),
    };
  }
};

template <>
struct FieldsOf<BatchReport> {
  static std::vector<Field<BatchReport>> fields() {
    return {
        field<BatchReport>("file", &BatchReport::file, "The batch file"),
        field<BatchReport>(
            "done", [](const BatchReport& r) { return r.count(JobReport::State::kDone); },
            "Jobs that are done"),
        field<BatchReport>(
            "done_before", [](const BatchReport& r) { return r.count(JobReport::State::kDoneBefore); },
            "Jobs that an earlier run had done"),
        field<BatchReport>(
            "planned", [](const BatchReport& r) { return r.count(JobReport::State::kPlanned); },
            "Jobs that would be done, with --dry-run"),
        field<BatchReport>(
            "interrupted", [](const BatchReport& r) { return r.count(JobReport::State::kInterrupted); },
            "The job that was stopped, if any"),
        field<BatchReport>(
            "failed", [](const BatchReport& r) { return r.count(JobReport::State::kFailed); },
            "Jobs that failed"),
        field<BatchReport>(
            "not_run", [](const BatchReport& r) { return r.count(JobReport::State::kNotRun); },
            "Jobs that were not begun"),
        field<BatchReport>("jobs", &BatchReport::jobs, "All jobs in the order of the file"),
    };
  }
};

std::string batch_text(const BatchReport& report) {
  Table table(
      {{"job"}, {"result"}, {"size", Align::kRight}, {"seconds", Align::kRight}, {"destination or error"}});
  double seconds = 0;
  std::uint64_t bytes = 0;
  for (const auto& job : report.jobs) {
    const bool done = job.state == JobReport::State::kDone && job.task == BatchTask::kConvert;
    const bool ran = job.state != JobReport::State::kNotRun;
    const bool failed = job.state == JobReport::State::kFailed;
    table.add({job.name, name_of(job.state),
               !failed && job.conversion.bytes > 0 ? human_bytes(job.conversion.bytes) : "",
               ran ? fmt::format("{:.2f}", job.seconds) : "",
               failed ? first_line(error_of(job)) : beside_of(job)});
    seconds += job.seconds;
    bytes += done ? job.conversion.bytes : 0;
  }
  std::string others;
  for (const auto state :
       {JobReport::State::kDoneBefore, JobReport::State::kPlanned, JobReport::State::kInterrupted}) {
    if (report.count(state) > 0) others += fmt::format(", {} {}", report.count(state), name_of(state));
  }
  return table.text() + fmt::format("\n{} of {} done{}, {} failed, {} not run; {} in {:.2f} s\n",
                                    report.count(JobReport::State::kDone), counted(report.jobs.size(), "job"),
                                    others, report.count(JobReport::State::kFailed),
                                    report.count(JobReport::State::kNotRun), human_bytes(bytes), seconds);
}

nlohmann::ordered_json batch_json(const BatchReport& report) {
  return document_of(report);
}

nlohmann::ordered_json batch_schema() {
  return document_schema<BatchReport>("tenon batch --json");
}

std::string batch_junit(const BatchReport& report) {
  std::vector<JUnitCase> cases;
  for (const auto& job : report.jobs) {
    const bool done = job.state == JobReport::State::kDone;
    cases.push_back({"tenon.batch", job.name, job.seconds, junit_state(job.state),
                     failure_text(job, report.interrupted), done ? job_summary(job) + "\n" : ""});
  }
  return junit_xml(report.file, cases);
}

}  // namespace tenon
