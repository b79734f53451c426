// Many jobs from one list: conversions, each made at most once, and comparisons of what they made. A batch
// that was stopped, or had failures, can be run again.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/observer.h"
#include "rules/library.h"
#include "tasks/batch_job.h"
#include "tasks/convert.h"
#include "tasks/diff_report.h"
#include "tasks/parity.h"

namespace tenon {

/// What became of one job.
struct JobReport {
  enum class State {
    kDone,
    // An earlier run did it: its destination has a manifest of this very conversion.
    kDoneBefore,
    // Would be done: --dry-run.
    kPlanned,
    kFailed,
    kInterrupted,
    kNotRun,
  };
  std::string name;
  std::string source;
  // Of a comparison: the other checkpoint, empty where that is what a plan makes.
  std::string destination;
  State state = State::kNotRun;
  double seconds = 0;
  // kFailed: every message, as lines; empty where --verify, parity or diff found something. kNotRun: which
  // job it waited for in vain, if any.
  std::string error;
  // kDone, or that; of the others as far as it is known.
  ConversionReport conversion;
  BatchTask task = BatchTask::kConvert;
  std::shared_ptr<const ParityOutcome> parity = nullptr;
  std::shared_ptr<const DiffReport> difference = nullptr;
  // Where its messages were logged, "" for nowhere.
  std::string log = {};
};

struct BatchReport {
  std::string file;
  std::vector<JobReport> jobs;
  // The observer stopped it.
  bool interrupted = false;

  std::size_t count(JobReport::State state) const;
};

/// Is told of a job that was run, as soon as it ends and one at a time: what it found can be kept before
/// others fail.
using JobEnded = std::function<void(const BatchJob& job, const JobReport& report)>;

/// Plans all conversions before the first byte is written (but for those whose source another job makes),
/// skips what is finished, goes on with what an interrupted run has begun, and runs the others: `jobs` at a
/// time, in their order but for those that wait for others (tasks/batch_order.h). All share one pool of
/// threads and, in parity, one budget of memory. What waits for a job that failed is not run. What is wrong
/// with a job goes to the observer and into its report, and so does the observer's word to stop: the report
/// is whole in any case. `options` give the batch file's name, the jobs to run (`only`; none: all), whether
/// to go on behind a failure (`fail_fast`), whether to write at all (`dry_run`), `jobs`, `threads` and the
/// folder of `logs`. Throws UserError where `only` names no job, or jobs wait for each other.
BatchReport run_batch(const std::vector<BatchJob>& jobs, const Library& library, const Options& options,
                      Observer& observer, const JobEnded& ended = {});

}  // namespace tenon
