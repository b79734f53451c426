// Which tenon this is, and what it was built of.
#pragma once

#include <string>
#include <vector>

// All names are in tenon::v0, which is inline: tenon::convert is tenon::v0::convert. A later form of this
// interface that is not compatible will be v1, so that programs of both can live in one process.
#ifndef TENON_INLINE
#define TENON_INLINE inline
#endif

namespace tenon {
TENON_INLINE namespace v0 {
/// The numbers that this header is of.
#define TENON_VERSION_MAJOR 0
#define TENON_VERSION_MINOR 1
#define TENON_VERSION_PATCH 0

/// "0.1.0": of the library that runs.
std::string version();

/// What stands in `tenon --version`.
struct BuildFacts {
  std::string version;
  /// of the sources; "" where the builder did not say
  std::string commit;
  /// "g++ 12.2.0, C++20"
  std::string compiler;
  /// the libraries that it runs with, and their versions
  std::string parts;
  /// the rule library: its folder and how many models and families it has
  std::string rules;
  /// the CUDA module and the GPU, or why there is none
  std::string cuda;
};

/// Looks for the rule library and the CUDA module. Never fails: what is missing is said in the member.
BuildFacts build_facts();

}  // namespace v0
}  // namespace tenon
