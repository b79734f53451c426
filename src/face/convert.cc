#include "tenon/convert.h"

#include "face/inside.h"
#include "face/options.h"
#include "report/batch_report.h"
#include "report/conversion_report.h"
#include "tasks/batch.h"
#include "tasks/batch_file.h"
#include "tasks/convert.h"

namespace tenon::v0 {
namespace {

ConvertResult result_of(const ConversionReport& report, const face::Bridge& bridge) {
  ConvertResult out;
  out.source = report.source;
  out.destination = report.destination;
  out.to = static_cast<Layout>(report.to);
  out.rules = report.rules;
  out.source_tensors = report.source_tensors;
  out.output_tensors = report.output_tensors;
  out.shards = report.shards;
  out.bytes = report.bytes;
  out.bytes_written = report.bytes_written;
  out.seconds = report.seconds;
  out.verified = report.verified;
  out.findings = report.findings;
  for (const StepTime& time : report.timings) out.timings.emplace_back(time.step, time.seconds);
  out.text = conversion_text(report);
  out.json = bridge.json(conversion_json(report));
  return out;
}

BatchResult result_of(const BatchReport& report, const face::Bridge& bridge) {
  BatchResult out;
  const nlohmann::ordered_json document = batch_json(report);
  for (std::size_t i = 0; i < report.jobs.size(); ++i) {
    const JobReport& job = report.jobs[i];
    out.jobs.push_back(
        {job.name, job.source, job.destination, document["jobs"][i]["result"], job.seconds, job.error});
  }
  out.interrupted = report.interrupted;
  out.holds = !report.interrupted && report.count(JobReport::State::kFailed) == 0 &&
              report.count(JobReport::State::kNotRun) == 0;
  out.text = batch_text(report);
  out.json = bridge.json(document);
  out.junit = batch_junit(report);
  return out;
}

}  // namespace

ConvertResult convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                      const ConvertOptions& options) {
  return convert(source, destination, options, face::nobody());
}

ConvertResult convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                      const ConvertOptions& options, Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    Options inner = face::inner(options);
    inner.source = source.string();
    inner.destination = destination.string();
    const ConversionReport report = tenon::convert(inner, library_of(inner), bridge);
    return result_of(report, bridge);
  });
}

BatchResult batch(const std::filesystem::path& file, const BatchOptions& options) {
  return batch(file, options, face::nobody());
}

BatchResult batch(const std::filesystem::path& file, const BatchOptions& options, Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    Options inner = face::inner(options);
    inner.file = file.string();
    const auto jobs = read_batch_file(file);
    return result_of(run_batch(jobs, library_of(inner), inner, bridge), bridge);
  });
}

}  // namespace tenon::v0
