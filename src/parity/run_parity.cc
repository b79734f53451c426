#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

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

std::vector<Job> jobs_of(const std::vector<Candidate>& candidates, const Checkpoint& original,
                         const Plan& plan, const ParityOptions& options, ParityResult& result) {
  std::vector<Job> jobs;
  for (const auto& [program, shared] : candidates) {
    Instances instances = find_instances(program, original, plan);
    for (const auto& skipped : instances.skipped) {
      if (!shared) result.uncovered.push_back({program.name, skipped.path, skipped.reason});
    }
    if (!shared && instances.found.empty() && instances.skipped.empty())
      result.uncovered.push_back({program.name, "", "no module of this checkpoint holds its fused weights"});
    for (auto& instance : instances.found) {
      if (wanted(instance, options)) jobs.push_back({&program, std::move(instance)});
    }
  }
  return jobs;
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
                        const Checkpoint* fused, const ParityOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  ParityResult out;
  out.backend = "cpu";
  out.tokens = options.tokens;
  out.seed = options.seed;
  const auto candidates = candidates_of(rules, options);
  const auto jobs = jobs_of(candidates, original, plan, options, out);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (options.progress) options.progress(i, jobs.size(), jobs[i].instance.path);
    out.modules.push_back(check_module({*jobs[i].program, jobs[i].instance, original, plan, fused, options}));
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace tenon
