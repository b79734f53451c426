// What this tenon is: for bug reports, and for who wonders why there is no GPU.
#pragma once

#include <string>

namespace tenon {

struct BuildFacts {
  std::string version;
  /// "" where the builder did not say
  std::string commit;
  /// "g++ 12.2.0, C++20"
  std::string compiler;
  /// libraries and their versions
  std::string parts;
  /// "/usr/share/tenon/rules: 268 models, 16 families", or why there is none
  std::string rules;
  /// the GPU and its libraries' versions, or why there is none
  std::string cuda;
};

/// Reads the heads of the rule library and opens the CUDA module. Throws nothing but std::bad_alloc.
BuildFacts build_facts();

}  // namespace tenon
