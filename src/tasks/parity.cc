#include "tasks/parity.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "checkpoint/headers_file.h"
#include "tasks/request_again.h"

namespace tenon {
namespace {

// A converted folder says itself by which rules and families it was made.
PlannedConversion plan_of(const ParityRequest& request, const std::optional<Checkpoint>& fused,
                          const Library& library, Observer& observer) {
  const bool knows = fused && fused->manifest && fused->manifest->layout == Layout::kFused;
  if (!knows) return plan_conversion(request.original, request.plan, library, observer);
  Options options = options_again(*fused->manifest, request.plan);
  options.max_shard_size.reset();
  options.one_way = fused->manifest->options.one_way;
  return plan_conversion(request.original, options, library, observer,
                         manifest_again(*fused->manifest, request.plan));
}

// Why no program ran on the module that was asked for.
UserError no_such_module(const std::string& path, const ParityResult& result) {
  std::vector<Diagnostic> out;
  for (const auto& u : result.uncovered) {
    if (u.path == path || u.path.starts_with(path + "."))
      out.push_back({Severity::kError,
                     "parity-module-not-compared"_id,
                     {path, 0, 0, {}, "", ""},
                     fmt::format("{} cannot be run: {}", u.program, u.reason),
                     ""});
  }
  if (out.empty())
    out.push_back(
        {Severity::kError,
         "parity-no-such-module"_id,
         {path, 0, 0, {}, "", ""},
         "no module program is about this module or one below it",
         "A module's path is the one in the fused layout, such as model.layers.0.mlp; tenon parity without "
         "--module lists what is compared."});
  return UserError(std::move(out));
}

}  // namespace

ParityOutcome parity(const ParityRequest& request, const Library& library, Observer& observer) {
  std::optional<Checkpoint> fused;
  if (!request.fused.empty()) fused = open_checkpoint(request.fused);
  PlannedConversion planned = plan_of(request, fused, library, observer);
  require_tensors(planned.source);
  if (fused) require_tensors(*fused);
  if (!planned.plan.recipes.empty())
    throw UserError("parity-values"_id, {request.original, 0, 0, {}, "", ""},
                    "this conversion computes numbers, and parity compares those that are moved",
                    "`tenon convert --verify` computes every number again by a second evaluator.");
  for (const auto& note : planned.rules.notes) observer.note("plan-rules"_id, note);
  ParityOptions options = request.options;
  options.shared = shared_modules(planned.library);
  std::string why_not_cuda;
  const auto backend = open_backend(request.machine, &why_not_cuda);
  observer.note("parity-backend"_id, fmt::format("backend: {} ({}){}", backend->name(), backend->machine(),
                                                 why_not_cuda.empty() ? "" : ", not CUDA: " + why_not_cuda));
  ParityResult result = run_parity(planned.source, planned.rules, planned.plan, fused ? &*fused : nullptr,
                                   options, *backend, observer);
  if (!options.module.empty() && result.modules.empty()) throw no_such_module(options.module, result);
  return {std::move(planned.rules), std::move(result)};
}

}  // namespace tenon
