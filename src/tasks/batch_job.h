// What a batch is asked for.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "options/options.h"

namespace tenon {

/// What a job does, and its name in a batch file.
enum class BatchTask { kConvert, kParity, kDiff };
inline std::string_view name_of(BatchTask task) {
  constexpr std::array<std::string_view, 3> kNames = {"convert", "parity", "diff"};
  return kNames[static_cast<std::size_t>(task)];
}

/// A name, and the options of its task: source, and destination or the other checkpoint, among them.
struct BatchJob {
  std::string name;
  Options options;
  BatchTask task = BatchTask::kConvert;
  // Jobs that have to be done before, beside those that make what this one reads.
  std::vector<std::string> needs = {};
};

}  // namespace tenon
