// The members of a conversion's document, which a batch's has as well.
#pragma once

#include "base/fields.h"
#include "options/value_types.h"
#include "tasks/conversion.h"

namespace tenon {

inline std::uint64_t rate_of(const ConversionReport& report) {
  return report.seconds > 0
             ? static_cast<std::uint64_t>(static_cast<double>(report.bytes_written) / report.seconds)
             : 0;
}

template <>
struct FieldsOf<StepTime> {
  static std::vector<Field<StepTime>> fields() {
    return {
        field<StepTime>("step", &StepTime::step, "Its name"),
        field<StepTime>("seconds", &StepTime::seconds, "How long it took"),
    };
  }
};

template <>
struct FieldsOf<ConversionReport> {
  static std::vector<Field<ConversionReport>> fields() {
    return {
        field<ConversionReport>("source", &ConversionReport::source,
                                "The checkpoint that was converted, as it was named"),
        field<ConversionReport>("destination", &ConversionReport::destination, "The folder that was made"),
        field<ConversionReport>(
            "layout", [](const ConversionReport& r) { return name_of(r.to); },
            "The layout of the destination: original or fused"),
        field<ConversionReport>("rules", &ConversionReport::rules,
                                "The rule files that took part, families too"),
        field<ConversionReport>("source_tensors", &ConversionReport::source_tensors, "Tensors of the source"),
        field<ConversionReport>("output_tensors", &ConversionReport::output_tensors,
                                "Tensors of the destination"),
        field<ConversionReport>("shards", &ConversionReport::shards, "Shards of the destination"),
        field<ConversionReport>("bytes", &ConversionReport::bytes, "Bytes of all tensors of the destination"),
        field<ConversionReport>("bytes_written", &ConversionReport::bytes_written,
                                "Bytes of tensors that this run wrote; fewer with --resume"),
        field<ConversionReport>("seconds", &ConversionReport::seconds,
                                "From opening the source to the finished destination"),
        field<ConversionReport>("bytes_per_second", rate_of, "bytes_written over seconds"),
        field<ConversionReport>("hash", &ConversionReport::hash,
                                "The hash of every tensor: xxh3, sha256 or none"),
        field<ConversionReport>(
            "verified", [](const ConversionReport& r) { return r.verified && r.findings.empty(); },
            "What was written was read again and is the same as the source"),
        field<ConversionReport>("bytes_read_back", &ConversionReport::bytes_read_back,
                                "Bytes that were read again for that"),
        field<ConversionReport>("bytes_read_from_memory", &ConversionReport::bytes_read_from_memory,
                                "Of those, bytes that the system still held in memory"),
        field<ConversionReport>("timings", &ConversionReport::timings,
                                "Its steps in the order in which they ended"),
        field<ConversionReport>("findings", &ConversionReport::findings,
                                "What --verify found to differ; the destination was not made then"),
    };
  }
};

}  // namespace tenon
