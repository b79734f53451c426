// What a finished conversion says of itself, and a batch of them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/manifest.h"

namespace tenon {

struct ConversionReport {
  std::string source;
  std::string destination;
  Layout to = Layout::kFused;
  std::vector<std::string> rules;  // names, families too
  std::uint64_t source_tensors = 0;
  std::uint64_t output_tensors = 0;
  std::uint64_t shards = 0;
  std::uint64_t bytes = 0;                   // of all output tensors
  std::uint64_t bytes_written = 0;           // less with --resume
  double seconds = 0;                        // from opening the source to the finished destination
  bool verified = false;                     // what was written was read again and compared with the source
  std::uint64_t bytes_read_back = 0;         // for that
  std::uint64_t bytes_read_from_memory = 0;  // of those: the system did not let go of them
  std::string hash;                          // "xxh3", "sha256" or "none"
  std::vector<std::string> findings;         // of --verify: what differs; the destination was not made then
};

/// "out: 339 tensors (fused layout) from 18867, 61.06 GB in 13 shards, 14.2 s, 4.30 GB/s, verified"
std::string conversion_text(const ConversionReport& report);
nlohmann::ordered_json conversion_json(const ConversionReport& report);

struct JobReport {
  enum class State { kDone, kFailed, kNotRun };
  std::string name;
  std::string source;
  std::string destination;
  State state = State::kNotRun;
  double seconds = 0;
  std::string error;            // kFailed: every message, as lines
  ConversionReport conversion;  // kDone
};

struct BatchReport {
  std::string file;
  std::vector<JobReport> jobs;

  std::size_t count(JobReport::State state) const;
};

std::string batch_text(const BatchReport& report);
nlohmann::ordered_json batch_json(const BatchReport& report);
std::string batch_junit(const BatchReport& report);

}  // namespace tenon
