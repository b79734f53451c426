#include "report/conversion_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/junit.h"
#include "report/table.h"

namespace tenon {
namespace {

std::uint64_t rate_of(const ConversionReport& report) {
  return report.seconds > 0
             ? static_cast<std::uint64_t>(static_cast<double>(report.bytes_written) / report.seconds)
             : 0;
}

std::string counted(std::uint64_t number, const char* noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

const char* name_of(JobReport::State state) {
  switch (state) {
    case JobReport::State::kDone:
      return "done";
    case JobReport::State::kFailed:
      return "failed";
    case JobReport::State::kNotRun:
      return "not run";
  }
  return "";
}

// Where the bytes came from that were compared: reading what the system still holds in memory proves less.
std::string verified_text(const ConversionReport& report) {
  if (!report.verified) return "";
  if (report.bytes_read_from_memory == 0) return ", verified from disk";
  if (report.bytes_read_from_memory >= report.bytes_read_back) return ", verified from memory";
  return fmt::format(", verified ({} of it from memory)", human_bytes(report.bytes_read_from_memory));
}

JUnitCase::State junit_state(JobReport::State state) {
  switch (state) {
    case JobReport::State::kDone:
      return JUnitCase::State::kPassed;
    case JobReport::State::kFailed:
      return JUnitCase::State::kFailed;
    case JobReport::State::kNotRun:
      return JUnitCase::State::kSkipped;
  }
  return JUnitCase::State::kFailed;
}

}  // namespace

std::string conversion_text(const ConversionReport& report) {
  if (!report.findings.empty()) {
    std::string out;
    for (const auto& finding : report.findings) out += visible(finding) + "\n";
    return out + fmt::format("{}: not made: what was written differs from the source in {}\n",
                             visible(report.destination), counted(report.findings.size(), "tensor"));
  }
  const std::string resumed = report.bytes_written == report.bytes
                                  ? ""
                                  : fmt::format(", {} of it now", human_bytes(report.bytes_written));
  return fmt::format("{}: {} ({} layout) from {}, {} in {}{}, {:.2f} s, {}/s{}\n",
                     visible(report.destination), counted(report.output_tensors, "tensor"),
                     name_of(report.to), report.source_tensors, human_bytes(report.bytes),
                     counted(report.shards, "shard"), resumed, report.seconds, human_bytes(rate_of(report)),
                     verified_text(report));
}

nlohmann::ordered_json conversion_json(const ConversionReport& report) {
  return {{"source", report.source},
          {"destination", report.destination},
          {"layout", name_of(report.to)},
          {"rules", report.rules},
          {"source_tensors", report.source_tensors},
          {"output_tensors", report.output_tensors},
          {"shards", report.shards},
          {"bytes", report.bytes},
          {"bytes_written", report.bytes_written},
          {"seconds", report.seconds},
          {"bytes_per_second", rate_of(report)},
          {"hash", report.hash},
          {"verified", report.verified && report.findings.empty()},
          {"bytes_read_back", report.bytes_read_back},
          {"bytes_read_from_memory", report.bytes_read_from_memory},
          {"findings", report.findings}};
}

std::size_t BatchReport::count(JobReport::State state) const {
  return static_cast<std::size_t>(
      std::count_if(jobs.begin(), jobs.end(), [&](const auto& job) { return job.state == state; }));
}

std::string batch_text(const BatchReport& report) {
  Table table(
      {{"job"}, {"result"}, {"size", Align::kRight}, {"seconds", Align::kRight}, {"destination or error"}});
  double seconds = 0;
  std::uint64_t bytes = 0;
  for (const auto& job : report.jobs) {
    const bool done = job.state == JobReport::State::kDone;
    const bool ran = job.state != JobReport::State::kNotRun;
    table.add({job.name, name_of(job.state), done ? human_bytes(job.conversion.bytes) : "",
               ran ? fmt::format("{:.2f}", job.seconds) : "",
               job.state == JobReport::State::kFailed ? first_line(job.error) : job.destination});
    seconds += job.seconds;
    bytes += done ? job.conversion.bytes : 0;
  }
  return table.text() + fmt::format("\n{} of {} done, {} failed, {} not run; {} in {:.2f} s\n",
                                    report.count(JobReport::State::kDone), counted(report.jobs.size(), "job"),
                                    report.count(JobReport::State::kFailed),
                                    report.count(JobReport::State::kNotRun), human_bytes(bytes), seconds);
}

nlohmann::ordered_json batch_json(const BatchReport& report) {
  nlohmann::ordered_json out = {{"file", report.file},
                                {"done", report.count(JobReport::State::kDone)},
                                {"failed", report.count(JobReport::State::kFailed)},
                                {"not_run", report.count(JobReport::State::kNotRun)},
                                {"jobs", nlohmann::ordered_json::array()}};
  for (const auto& job : report.jobs) {
    nlohmann::ordered_json entry = {{"name", job.name},
                                    {"source", job.source},
                                    {"destination", job.destination},
                                    {"result", name_of(job.state)},
                                    {"seconds", job.seconds}};
    if (job.state == JobReport::State::kFailed) entry["error"] = job.error;
    if (job.state == JobReport::State::kDone) entry["conversion"] = conversion_json(job.conversion);
    out["jobs"].push_back(std::move(entry));
  }
  return out;
}

std::string batch_junit(const BatchReport& report) {
  std::vector<JUnitCase> cases;
  for (const auto& job : report.jobs) {
    const bool done = job.state == JobReport::State::kDone;
    cases.push_back({"tenon.batch", job.name, job.seconds, junit_state(job.state),
                     job.state == JobReport::State::kNotRun ? "not run: an earlier job failed" : job.error,
                     done ? conversion_text(job.conversion) : ""});
  }
  return junit_xml(report.file, cases);
}

}  // namespace tenon
