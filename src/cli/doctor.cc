#include "tasks/doctor.h"

#include "cli/commands.h"
#include "report/doctor_report.h"

namespace tenon {
namespace {

Verdict doctor(const Options& options, Console& console) {
  const DoctorReport report = examine_machine(options.folder);
  if (console.json()) {
    console.document(doctor_json(report));
  } else {
    console.result(doctor_text(report));
  }
  return Verdict::kHolds;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .about = "Show what this machine and a folder's file system can do, found by trying",
          .examples =
              R"(  tenon doctor                  the current folder's file system, the GPU, the rule library
  tenon doctor /scratch         where a checkpoint is to be written
  tenon doctor --json           for a bug report)",
          .arguments = {{"DIR", "The folder to try (default: the current one)", member_of<&Options::folder>(),
                         Completes::kFolder, false}},
          .run = doctor};
}

}  // namespace tenon
