#include "tasks/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>

#include "base/text.h"
#include "checkpoint/file.h"
#include "output/destination.h"
#include "tasks/batch_order.h"
#include "tasks/batch_queue.h"
#include "tasks/diff.h"
#include "tasks/finished_before.h"
#include "tasks/job_observer.h"
#include "tasks/parity_request.h"

namespace tenon {
namespace {

using State = JobReport::State;

// Those that are named, all where none is. Throws UserError where a name is no job's.
std::vector<BatchJob> selected(const std::vector<BatchJob>& jobs, const std::vector<std::string>& only) {
  if (only.empty()) return jobs;
  std::vector<std::string> names;
  for (const BatchJob& job : jobs) names.push_back(job.name);
  Diagnostics unknown;
  for (const std::string& name : only) {
    if (std::count(names.begin(), names.end(), name) > 0) continue;
    const std::string guess = did_you_mean(name, names);
    unknown.error("batch-no-job"_id, {"--only", 0, 0, {}, "", ""}, fmt::format("there is no job '{}'", name),
                  guess.empty() ? fmt::format("The jobs are {}.", join_some(names, 20)) : guess);
  }
  unknown.throw_if_errors();
  std::vector<BatchJob> out = jobs;
  std::erase_if(out,
                [&](const BatchJob& job) { return std::count(only.begin(), only.end(), job.name) == 0; });
  // What is left out is taken to be done.
  for (BatchJob& job : out) {
    std::erase_if(job.needs,
                  [&](const std::string& name) { return std::count(only.begin(), only.end(), name) == 0; });
  }
  return out;
}

// A file's name of what a job is called.
std::string log_name(const std::string& name, std::size_t number) {
  std::string out = fmt::format("{:03}-", number + 1);
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    out += plain ? c : '-';
  }
  constexpr std::size_t kLongest = 100;
  return out.substr(0, kLongest) + ".log";
}

// One batch while it runs.
class Batch {
 public:
  Batch(std::vector<BatchJob> jobs, std::vector<std::vector<std::size_t>> needs, const Library& library,
        const Options& options, Observer& observer, const JobEnded& ended)
      : jobs_(std::move(jobs)),
        needs_(std::move(needs)),
        library_(library),
        options_(options),
        observer_(observer),
        ended_(ended) {
    for (const BatchJob& job : jobs_) {
      JobReport report;
      report.name = job.name;
      report.source = job.options.source;
      report.destination = job.task == BatchTask::kConvert ? job.options.destination : job.options.other;
      report.task = job.task;
      reports_.push_back(std::move(report));
    }
  }

  // Finds what is wrong with any of them while nothing is written yet. Plans are made again when a job's turn
  // comes: those of a thousand jobs would fill the memory.
  void plan_all() {
    for (std::size_t i = 0; i < jobs_.size() && !stops(); ++i) {
      const bool can_be_planned = jobs_[i].task == BatchTask::kConvert && needs_[i].empty();
      if (can_be_planned) attempt(i, [&] { plan(i); });
      if (!can_be_planned && options_.dry_run) reports_[i].state = State::kPlanned;
    }
  }

  void run_all() {
    is_running_ = true;
    if (!options_.logs.empty()) make_folders(options_.logs);
    BatchQueue queue(needs_);
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (reports_[i].state != State::kNotRun) queue.end(i, reports_[i].state != State::kFailed);
    }
    queue.run(static_cast<std::size_t>(options_.jobs), [&](std::size_t i) { return run_one(i); });
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (const auto in_vain = queue.waited_in_vain(i); in_vain && reports_[i].state == State::kNotRun)
        reports_[i].error = fmt::format("{} was not done", jobs_[*in_vain].name);
    }
  }

  bool interrupted() const { return interrupted_; }
  std::vector<JobReport> take_reports() { return std::move(reports_); }

 private:
  bool stops() const { return interrupted_ || (options_.fail_fast && failed_); }

  // Is what it makes there?
  bool run_one(std::size_t i) {
    {
      const std::lock_guard lock(mutex_);
      if (stops()) return false;
      observer_.note(
          "batch-job"_id,
          fmt::format("[{}/{}] {}: {} {}{}", i + 1, jobs_.size(), jobs_[i].name, reports_[i].source,
                      jobs_[i].task == BatchTask::kConvert ? "to " : "against ",
                      reports_[i].destination.empty() ? "its plan" : reports_[i].destination));
    }
    if (!options_.logs.empty())
      reports_[i].log = (std::filesystem::path(options_.logs) / log_name(jobs_[i].name, i)).string();
    JobObserver observer(observer_, mutex_, reports_[i].log, options_.jobs == 1);
    attempt(
        i, [&] { run(i, observer); }, &observer);
    if (ended_) {
      const std::lock_guard lock(mutex_);
      ended_(jobs_[i], reports_[i]);
    }
    return reports_[i].state == State::kDone || reports_[i].state == State::kDoneBefore;
  }

  // A job that fails is a result. What it cost is counted, planning twice included.
  template <typename Step>
  void attempt(std::size_t i, const Step& step, JobObserver* job = nullptr) {
    JobReport& report = reports_[i];
    Observer& told = job == nullptr ? observer_ : *job;
    Timings timings;
    const Timer timer(timings, report.name);
    try {
      observer_.throw_if_stopped();
      step();
    } catch (const Interrupted&) {
      interrupted_ = true;
      if (is_running_) report.state = State::kInterrupted;
    } catch (const UserError& error) {
      fail(report, error.what());
      told.note(error.diagnostics());
    } catch (const SystemError& error) {
      fail(report, error.what());
      told.note(Diagnostic{Severity::kError, error.id(), {}, error.what(), ""});
    }
    report.seconds += timer.seconds();
    if (job != nullptr) job->write_log(fmt::format("{} s", report.seconds));
  }

  void fail(JobReport& report, std::string message) {
    report.state = State::kFailed;
    report.error = std::move(message);
    failed_ = true;
  }

  void plan(std::size_t i) {
    const Options& job = jobs_[i].options;
    // Its warnings are told when it is done.
    Quiet quiet(observer_);
    const PlannedConversion planned = plan_conversion(job.source, job, library_, quiet);
    const EarlierRun earlier = look_for_earlier_run(planned, job);
    if (earlier.finished) {
      reports_[i].state = State::kDoneBefore;
      if (!options_.dry_run) tidy_up_finished(job, observer_);
    } else {
      require_writable(job, earlier);
      reports_[i].state = options_.dry_run ? State::kPlanned : State::kNotRun;
    }
    for (const PlannedTensor& output : planned.plan.outputs) reports_[i].conversion.bytes += output.bytes;
  }

  static void require_writable(const Options& job, const EarlierRun& earlier) {
    if (earlier.newer_source_file && !job.overwrite) {
      throw UserError(
          "batch-source-newer"_id, place_of(job.destination),
          fmt::format("was converted before, but {} of the source is newer than it",
                      *earlier.newer_source_file),
          "With overwrite: true it is made anew; `tenon verify --against` says whether it has to be.");
    }
    if (!earlier.begun) require_free(job.destination, job.overwrite);
  }

  void run(std::size_t i, Observer& observer) {
    switch (jobs_[i].task) {
      case BatchTask::kConvert:
        return convert(i, observer);
      case BatchTask::kParity:
        return compare_modules(i, observer);
      case BatchTask::kDiff:
        return compare_tensors(i, observer);
    }
  }

  void convert(std::size_t i, Observer& observer) {
    JobReport& report = reports_[i];
    Options job = jobs_[i].options;
    const PlannedConversion planned = plan_conversion(job.source, job, library_, observer);
    const EarlierRun earlier = look_for_earlier_run(planned, job);
    if (earlier.finished) {
      report.state = State::kDoneBefore;
      tidy_up_finished(job, observer);
      return;
    }
    job.resume = job.resume || earlier.begun;
    report.conversion = carry_out(planned, job, observer);
    if (!report.conversion.findings.empty()) return fail(report, "");
    report.state = State::kDone;
  }

  void compare_modules(std::size_t i, Observer& observer) {
    const Options& job = jobs_[i].options;
    ParityRequest request = parity_request(job);
    request.options.jobs_beside = options_.jobs - 1;
    auto outcome = std::make_shared<const ParityOutcome>(parity(request, library_, observer));
    const bool enough = outcome->result.covers() || job.allow_uncovered;
    reports_[i].parity = std::move(outcome);
    if (!reports_[i].parity->result.holds() || !enough) return fail(reports_[i], "");
    reports_[i].state = State::kDone;
  }

  void compare_tensors(std::size_t i, Observer& observer) {
    auto difference = std::make_shared<const DiffReport>(diff(jobs_[i].options, observer));
    reports_[i].difference = std::move(difference);
    if (!reports_[i].difference->same()) return fail(reports_[i], "");
    reports_[i].state = State::kDone;
  }

  // Lets nothing through but the word to stop.
  class Quiet : public Observer {
   public:
    explicit Quiet(const Observer& observer) : observer_(observer) {}
    bool stopped() const override { return observer_.stopped(); }

   private:
    const Observer& observer_;
  };

  const std::vector<BatchJob> jobs_;
  const std::vector<std::vector<std::size_t>> needs_;
  const Library& library_;
  const Options& options_;
  Observer& observer_;
  const JobEnded& ended_;
  std::mutex mutex_;
  std::vector<JobReport> reports_;
  bool is_running_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace

std::size_t BatchReport::count(JobReport::State state) const {
  return static_cast<std::size_t>(
      std::count_if(jobs.begin(), jobs.end(), [&](const auto& job) { return job.state == state; }));
}

BatchReport run_batch(const std::vector<BatchJob>& jobs, const Library& library, const Options& options,
                      Observer& observer, const JobEnded& ended) {
  std::vector<BatchJob> chosen = selected(jobs, options.only);
  Diagnostics wrong;
  auto needs = batch_order(chosen, wrong);
  wrong.throw_if_errors();
  Batch batch(std::move(chosen), std::move(needs), library, options, observer, ended);
  batch.plan_all();
  if (!options.dry_run) batch.run_all();
  return {options.file, batch.take_reports(), batch.interrupted()};
}

}  // namespace tenon
