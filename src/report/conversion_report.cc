#include "report/conversion_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/conversion_fields.h"

namespace tenon {
namespace {

// Where the bytes came from that were compared: reading what the system still holds in memory proves less.
std::string verified_text(const ConversionReport& report) {
  if (!report.verified) return "";
  if (report.bytes_read_from_memory == 0) return ", verified from disk";
  if (report.bytes_read_from_memory >= report.bytes_read_back) return ", verified from memory";
  return fmt::format(", verified ({} of it from memory)", human_bytes(report.bytes_read_from_memory));
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
  return document_of(report);
}

nlohmann::ordered_json conversion_schema() {
  return document_schema<ConversionReport>("tenon convert --json");
}

std::string timings_text(const Timings& timings) {
  std::vector<std::string> lines;
  for (const StepTime& time : timings)
    lines.push_back(fmt::format("{:10.3f} s  {}", time.seconds, time.step));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace tenon
