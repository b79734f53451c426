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
  /// the GPU and its libraries' versions, or why there is none; or where the module is, untried
  std::string cuda;
};

/// Opens the CUDA module, which wakes the GPU. Throws nothing but std::bad_alloc.
BuildFacts build_facts();

/// The same in a few milliseconds: of CUDA says whether there is a module. Throws nothing but std::bad_alloc.
BuildFacts installed_facts();

}  // namespace tenon
