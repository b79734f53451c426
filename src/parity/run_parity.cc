#include <fmt/format.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "base/diagnostics.h"
#include "modules/backend.h"
#include "modules/module_names.h"
#include "modules/parse_modules.h"
#include "parity/check_module.h"
#include "parity/instances.h"
#include "parity/result.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

struct Job {
  const ModuleProgram* program;
  Instance instance;
};

bool wanted(const Instance& instance, const ParityOptions& options) {
  if (!options.module.empty() && instance.path != options.module &&
      !instance.path.starts_with(options.module + "."))
    return false;
  if (options.layers.empty()) return true;
  const auto layer = layer_of(instance.path);
  return !layer || std::any_of(options.layers.begin(), options.layers.end(), [&](const auto& range) {
    return *layer >= range.first && *layer <= range.second;
  });
}

// A layer that no module stands in is a slip of the pen, and not a module that fails.
void require_layers(const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges,
                    const std::set<std::int64_t>& layers) {
  if (layers.empty()) return;
  Diagnostics absent;
  for (const auto& [first, last] : ranges) {
    const auto found = layers.lower_bound(first);
    if (found != layers.end() && *found <= last) continue;
    absent.error("parity-no-such-layer"_id, {"--layers", 0, 0, {}, "", ""},
                 first == last
                     ? fmt::format("no module that programs read is in layer {}", first)
                     : fmt::format("no module that programs read is in layers {} to {}", first, last),
                 fmt::format("They are in layers {} to {}.", *layers.begin(), *layers.rbegin()));
  }
  absent.throw_if_errors();
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
    // A family and those that it looks for have programs of projections alone: what is more particular comes
    // first.
    if (files == &rules.files)
      std::stable_partition(out.begin(), out.end(),
                            [](const Candidate& c) { return c.program.claims != "projections"; });
  }
  diagnostics.throw_if_errors();
  return out;
}

// What the programs of all rules are run on. A module that earlier programs have covered is left to them, so
// that those that say more of it stand first. Programs that the library has for every checkpoint are looked
// for where elements move.
class JobFinder {
 public:
  JobFinder(const Checkpoint& original, const Plan& plan, const ParityOptions& options, ParityResult& result)
      : original_(original), plan_(plan), options_(options), result_(result) {}

  std::vector<Job> run(const std::vector<Candidate>& candidates) {
    for (const auto& candidate : candidates) {
      Instances instances = find_instances(candidate.program, original_, plan_);
      if (!candidate.shared) report_missing(candidate.program, instances);
      for (auto& instance : instances.found) {
        if (!applies(candidate, instance)) continue;
        for (const auto output : outputs_of(instance)) {
          covered_.emplace(output, &candidate.program);
          if (!candidate.shared) covered_as_asked_.insert(output);
        }
        if (const auto layer = layer_of(instance.path)) layers_.insert(*layer);
        if (wanted(instance, options_)) jobs_.push_back({&candidate.program, std::move(instance)});
      }
    }
    for (auto& unfit : unfit_) tell(unfit);
    diagnostics_.throw_if_errors();
    require_layers(options_.layers, layers_);
    return std::move(jobs_);
  }

  // What moves, and how much of it programs read; the outputs that move and are read by none.
  std::vector<std::uint32_t> measure_coverage() {
    std::vector<std::uint32_t> left;
    for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) {
      if (!moves_elements(i, original_, plan_)) continue;
      result_.changed_bytes += plan_.outputs[i].bytes;
      if (covered_.contains(i)) {
        result_.changed_compared += plan_.outputs[i].bytes;
      } else {
        left.push_back(i);
      }
    }
    return left;
  }

 private:
  using Outputs = std::vector<std::uint32_t>;

  // A module that a program is about and cannot be run on.
  struct Unfit {
    UncoveredModule module;
    std::string claims;
    Outputs outputs;
    Diagnostics why;
    // The program is known to be this module's, or was asked for: that another says less is told.
    bool known;
    bool asked;
  };

  bool applies(const Candidate& candidate, const Instance& instance) {
    const ModuleProgram& program = candidate.program;
    const Outputs outputs = outputs_of(instance);
    if (all_covered(outputs)) return false;
    if (candidate.shared && options_.module.empty() && !moves_elements(instance, original_, plan_))
      return false;
    try {
      check_fit(program, instance, original_, plan_, options_.tokens);
    } catch (const UserError& error) {
      Diagnostics why;
      for (const auto& diagnostic : error.diagnostics()) why.add(diagnostic);
      unfit_.push_back({{program.name, instance.path, error.diagnostics().front().message},
                        program.claims,
                        outputs,
                        std::move(why),
                        !program.types.empty(),
                        !candidate.shared && error.diagnostics().front().id != "parity-dtype"});
      return false;
    }
    return has_inputs(program, instance);
  }

  bool has_inputs(const ModuleProgram& program, const Instance& instance) {
    if (options_.inputs.empty()) return true;
    for (const auto& input : program.inputs) {
      if (options_.inputs.contains(input.name)) continue;
      if (wanted(instance, options_))
        result_.uncovered.push_back(
            {program.name, instance.path, fmt::format("no input '{}' is given", input.name)});
      return false;
    }
    return true;
  }

  void tell(Unfit& unfit) {
    const bool covered = all_covered(unfit.outputs);
    // What the rules of the run say of a module is not taken over by what the library has for every
    // checkpoint.
    const bool answered = std::all_of(unfit.outputs.begin(), unfit.outputs.end(), [&](std::uint32_t output) {
      return covered_as_asked_.contains(output);
    });
    if (unfit.asked && !answered) {
      for (const auto& diagnostic : unfit.why.all()) diagnostics_.add(diagnostic);
    } else if (!covered || (unfit.known && covered_.at(unfit.outputs.front())->claims != unfit.claims)) {
      if (covered) unfit.module.reason += "; a program that says less of the module was run";
      result_.uncovered.push_back(std::move(unfit.module));
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
    if (!program.types.empty() && instances.found.empty()) return;
    for (const auto& skipped : instances.skipped)
      result_.uncovered.push_back({program.name, skipped.path, skipped.reason});
    if (instances.found.empty() && instances.skipped.empty())
      result_.uncovered.push_back({program.name, "", "no module of this checkpoint holds its fused weights"});
  }

  const Checkpoint& original_;
  const Plan& plan_;
  const ParityOptions& options_;
  ParityResult& result_;
  std::map<std::uint32_t, const ModuleProgram*>
      covered_;  // Plan::outputs that are weights of a module to be run
  std::set<std::uint32_t> covered_as_asked_;
  std::vector<Unfit> unfit_;
  std::vector<Job> jobs_;
  // of all modules that programs can be run on, whether or not they were asked for
  std::set<std::int64_t> layers_;
  Diagnostics diagnostics_;
};

// How many modules are in memory at once: enough to read ahead of the arithmetic, but no more, since memory
// that is used again costs less than memory that is used for the first time.
std::size_t modules_at_once(const std::vector<ModuleRequest>& requests, int jobs_beside) {
  constexpr std::uint64_t kMost = 8;
  constexpr std::uint64_t kBudget = std::uint64_t{16} << 30;
  std::uint64_t largest = 1;
  for (const auto& request : requests) largest = std::max(largest, bytes_of(request));
  const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(
      std::min(memory / 4, kBudget) / static_cast<std::uint64_t>(1 + jobs_beside) / largest, 1, kMost));
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

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Modules are read, hashed and compared byte by byte on all threads while earlier ones are computed with, in
// order. A failure comes out in its module's turn, so that the first module that fails is the one that is
// told. No exception leaves a filter: it would cancel the loops of the modules that are being read, which
// then end early as if they were done.
void check_all(const std::vector<ModuleRequest>& requests, Backend& backend, Observer& observer,
               ParityResult& result) {
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
      observer.throw_if_stopped();
      observer.progress(request.instance.path, ready.request + 1, requests.size());
      // Isolated, so that no thread waiting here begins to read another module instead.
      const auto begin = std::chrono::steady_clock::now();
      tbb::this_task_arena::isolate(
          [&] { result.modules.push_back(check_module(request, std::move(*ready.module), backend)); });
      result.modules.back().check_seconds = seconds_since(begin);
    } catch (...) {
      failure = std::current_exception();
      failed = true;
    }
  };
  tbb::parallel_pipeline(
      modules_at_once(requests, requests.empty() ? 0 : requests.front().options.jobs_beside),
      tbb::make_filter<void, std::size_t>(tbb::filter_mode::serial_in_order, take) &
          tbb::make_filter<std::size_t, Prepared>(tbb::filter_mode::parallel, prepare) &
          tbb::make_filter<Prepared, void>(tbb::filter_mode::serial_in_order, check));
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::uint64_t ModuleResult::unread_bytes() const {
  std::uint64_t out = 0;
  for (const auto& weight : unread) out += weight.bytes;
  return out;
}

bool ModuleResult::power_holds() const {
  const auto applies = [](const MutantResult& m) { return m.applies; };
  return std::any_of(mutants.begin(), mutants.end(), applies) &&
         std::all_of(mutants.begin(), mutants.end(),
                     [](const MutantResult& m) { return !m.applies || m.killed; });
}

std::vector<RuleFile> shared_modules(const std::vector<std::filesystem::path>& folders) {
  std::map<std::string, std::filesystem::path> paths;
  for (const auto& library : folders) {
    const std::filesystem::path folder = library / "parity";
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".yaml") paths.try_emplace(entry.path().filename(), entry.path());
    }
  }
  Diagnostics diagnostics;
  std::vector<RuleFile> out;
  for (const auto& [name, path] : paths) out.push_back(read_rule_file(path, diagnostics));
  diagnostics.throw_if_errors();
  return out;
}

bool ParityResult::holds() const {
  const bool by_bytes = std::none_of(by_bytes_alone.begin(), by_bytes_alone.end(),
                                     [](const UnreadWeight& w) { return w.differs; });
  // A model whose tensors are only renamed has nothing to compute with.
  return by_bytes &&
         (!modules.empty() ||
          (!is_part && changed_bytes == 0 && uncovered.empty() && !by_bytes_alone.empty())) &&
         std::all_of(modules.begin(), modules.end(), [](const ModuleResult& m) { return m.holds(); });
}

ParityResult run_parity(const Checkpoint& original, const RuleSet& rules, const Plan& plan,
                        const Checkpoint* fused, const ParityOptions& options, Backend& backend,
                        Observer& observer) {
  const auto begin = std::chrono::steady_clock::now();
  ParityResult out;
  out.backend = backend.name();
  out.machine = backend.machine();
  out.tokens = options.tokens;
  out.seed = options.seed;
  const auto candidates = candidates_of(rules, options);
  out.is_part = !options.layers.empty() || !options.module.empty();
  JobFinder finder(original, plan, options, out);
  const auto jobs = finder.run(candidates);
  auto left = finder.measure_coverage();
  if (jobs.empty() && out.changed_bytes == 0) {
    // Only renamed: every tensor's bytes, and nothing else.
    left.resize(plan.outputs.size());
    std::iota(left.begin(), left.end(), std::uint32_t{0});
  }
  std::vector<ModuleRequest> requests;
  for (const auto& job : jobs) {
    requests.push_back({*job.program, job.instance, original, plan, fused, options});
    for (const auto& [name, tensors] : job.instance.original) {
      for (const auto tensor : tensors) out.bytes += original.tensors[tensor].bytes;
    }
  }
  check_all(requests, backend, observer, out);
  if (!out.is_part) {
    for (const auto output : left)
      out.by_bytes_alone.push_back(check_by_bytes(output, original, plan, fused));
  }
  out.seconds = seconds_since(begin);
  return out;
}

}  // namespace tenon
