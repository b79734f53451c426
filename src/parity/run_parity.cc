#include <fmt/format.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <set>

#include "base/diagnostics.h"
#include "parity/backend.h"
#include "parity/check_module.h"
#include "parity/instances.h"
#include "parity/parity.h"
#include "parity/parse_modules.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

struct Job {
  const ModuleProgram* program;
  Instance instance;
};

bool wanted(const Instance& instance, const ParityOptions& options) {
  if (!options.layers) return true;
  const auto layer = layer_of(instance.path);
  return !layer || (*layer >= options.layers->first && *layer <= options.layers->second);
}

struct Candidate {
  ModuleProgram program;
  bool shared;  // of no rule that was chosen: that no module is one says nothing
};

std::vector<Candidate> candidates_of(const RuleSet& rules, const ParityOptions& options) {
  Diagnostics diagnostics;
  std::vector<Candidate> out;
  for (const auto* files : {&rules.files, &options.shared}) {
    for (const auto& file : *files) {
      for (auto& program : parse_modules(file, diagnostics))
        out.push_back({std::move(program), files == &options.shared});
    }
  }
  diagnostics.throw_if_errors();
  return out;
}

// What the programs of all rules are run on. Those that the library has for every checkpoint are looked for
// where elements move and no earlier program has covered all of the fused weights.
class JobFinder {
 public:
  JobFinder(const Checkpoint& original, const Plan& plan, const ParityOptions& options, ParityResult& result)
      : original_(original), plan_(plan), options_(options), result_(result) {}

  std::vector<Job> run(const std::vector<Candidate>& candidates) {
    for (const auto& candidate : candidates) {
      Instances instances = find_instances(candidate.program, original_, plan_);
      if (!candidate.shared) report_missing(candidate.program, instances);
      for (auto& instance : instances.found) {
        if (candidate.shared && !applies(candidate.program, instance)) continue;
        if (!candidate.shared) check_fit(candidate.program, instance, original_, plan_, options_.tokens);
        for (const auto output : outputs_of(instance)) covered_.insert(output);
        if (wanted(instance, options_)) jobs_.push_back({&candidate.program, std::move(instance)});
      }
    }
    for (auto& [unfit, outputs] : unfit_) {
      if (!all_covered(outputs)) result_.uncovered.push_back(std::move(unfit));
    }
    return std::move(jobs_);
  }

 private:
  using Outputs = std::vector<std::uint32_t>;

  // Of a program that the library has for every checkpoint: one that does not fit leaves the module to
  // others.
  bool applies(const ModuleProgram& program, const Instance& instance) {
    const Outputs outputs = outputs_of(instance);
    if (all_covered(outputs) || !moves_elements(instance, original_, plan_)) return false;
    try {
      check_fit(program, instance, original_, plan_, options_.tokens);
      return true;
    } catch (const UserError& error) {
      const Diagnostic& first = error.diagnostics().front();
      unfit_.push_back({{program.name, instance.path, first.message}, outputs});
      return false;
    }
  }

  static Outputs outputs_of(const Instance& instance) {
    Outputs out;
    for (const auto& [name, outputs] : instance.fused) out.insert(out.end(), outputs.begin(), outputs.end());
    return out;
  }

  bool all_covered(const Outputs& outputs) const {
    return std::all_of(outputs.begin(), outputs.end(),
                       [&](std::uint32_t output) { return covered_.contains(output); });
  }

  void report_missing(const ModuleProgram& program, const Instances& instances) {
    for (const auto& skipped : instances.skipped)
      result_.uncovered.push_back({program.name, skipped.path, skipped.reason});
    if (instances.found.empty() && instances.skipped.empty())
      result_.uncovered.push_back({program.name, "", "no module of this checkpoint holds its fused weights"});
  }

  const Checkpoint& original_;
  const Plan& plan_;
  const ParityOptions& options_;
  ParityResult& result_;
  std::set<std::uint32_t> covered_;  // Plan::outputs that are weights of a module to be run
  std::vector<std::pair<UncoveredModule, Outputs>> unfit_;
  std::vector<Job> jobs_;
};

// How many modules are in memory at once: enough to read ahead of the arithmetic, but no more, since memory
// that is used again costs less than memory that is used for the first time.
std::size_t modules_at_once(const std::vector<ModuleRequest>& requests) {
  constexpr std::uint64_t kMost = 8;
  constexpr std::uint64_t kBudget = std::uint64_t{16} << 30;
  std::uint64_t largest = 1;
  for (const auto& request : requests) largest = std::max(largest, bytes_of(request));
  const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(std::min(memory / 4, kBudget) / largest, 1, kMost));
}

// A module that is ready, or why it cannot be.
struct Prepared {
  std::size_t request = 0;
  std::shared_ptr<PreparedModule> module;
  std::exception_ptr failure;
};

Prepared prepared(const std::vector<ModuleRequest>& requests, std::size_t i) {
  try {
    return {i, std::make_shared<PreparedModule>(prepare_module(requests[i])), nullptr};
  } catch (...) {
    return {i, nullptr, std::current_exception()};
  }
}

// Modules are read, hashed and compared byte by byte on all threads while earlier ones are computed with, in
// order. A failure comes out in its module's turn, so that the first module that fails is the one that is
// told. No exception leaves a filter: it would cancel the loops of the modules that are being read, which
// then end early as if they were done.
void check_all(const std::vector<ModuleRequest>& requests, Backend& backend, ParityResult& result) {
  std::size_t next = 0;
  std::exception_ptr failure;
  std::atomic<bool> failed = false;
  const auto take = [&](tbb::flow_control& flow) -> std::size_t {
    if (next == requests.size() || failed) flow.stop();
    return next++;
  };
  const auto prepare = [&](std::size_t i) { return prepared(requests, i); };
  const auto check = [&](const Prepared& ready) {
    if (failed) return;
    try {
      if (ready.failure) std::rethrow_exception(ready.failure);
      const ModuleRequest& request = requests[ready.request];
      if (request.options.progress)
        request.options.progress(ready.request, requests.size(), request.instance.path);
      // Isolated, so that no thread waiting here begins to read another module instead.
      tbb::this_task_arena::isolate(
          [&] { result.modules.push_back(check_module(request, std::move(*ready.module), backend)); });
    } catch (...) {
      failure = std::current_exception();
      failed = true;
    }
  };
  tbb::parallel_pipeline(modules_at_once(requests),
                         tbb::make_filter<void, std::size_t>(tbb::filter_mode::serial_in_order, take) &
                             tbb::make_filter<std::size_t, Prepared>(tbb::filter_mode::parallel, prepare) &
                             tbb::make_filter<Prepared, void>(tbb::filter_mode::serial_in_order, check));
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

bool ModuleResult::power_holds() const {
  const auto applies = [](const MutantResult& m) { return m.applies; };
  return std::any_of(mutants.begin(), mutants.end(), applies) &&
         std::all_of(mutants.begin(), mutants.end(),
                     [](const MutantResult& m) { return !m.applies || m.killed; });
}

std::vector<RuleFile> shared_modules(const std::filesystem::path& library) {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder = library / "parity";
  if (!std::filesystem::is_directory(folder)) return {};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  Diagnostics diagnostics;
  std::vector<RuleFile> out;
  for (const auto& path : paths) out.push_back(read_rule_file(path, diagnostics));
  diagnostics.throw_if_errors();
  return out;
}

bool ParityResult::holds() const {
  return !modules.empty() &&
         std::all_of(modules.begin(), modules.end(), [](const ModuleResult& m) { return m.holds(); });
}

ParityResult run_parity(const Checkpoint& original, const RuleSet& rules, const Plan& plan,
                        const Checkpoint* fused, const ParityOptions& options, Backend& backend) {
  const auto begin = std::chrono::steady_clock::now();
  ParityResult out;
  out.backend = backend.name();
  out.machine = backend.machine();
  out.tokens = options.tokens;
  out.seed = options.seed;
  const auto candidates = candidates_of(rules, options);
  const auto jobs = JobFinder(original, plan, options, out).run(candidates);
  std::vector<ModuleRequest> requests;
  for (const auto& job : jobs) {
    requests.push_back({*job.program, job.instance, original, plan, fused, options});
    for (const auto& [name, tensors] : job.instance.original) {
      for (const auto tensor : tensors) out.bytes += original.tensors[tensor].bytes;
    }
  }
  check_all(requests, backend, out);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace tenon
