// What this machine can do for tenon, found out by trying.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tasks/build_facts.h"

namespace tenon {

/// Something that was tried.
struct DoctorCheck {
  std::string name;
  bool good = true;
  // Where it is not good, tenon still works, and this says how.
  std::string what;
};

struct DoctorReport {
  BuildFacts facts;
  /// that was tried
  std::string folder;
  unsigned threads = 0;
  /// bytes of the machine
  std::uint64_t memory = 0;
  /// bytes in the folder
  std::uint64_t free = 0;
  std::vector<DoctorCheck> checks;
};

/// Makes a hidden folder below `folder` and removes it again. Throws SystemError where nothing can be written
/// there.
DoctorReport examine_machine(const std::string& folder);

}  // namespace tenon
