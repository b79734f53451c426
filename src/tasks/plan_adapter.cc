#include "tasks/plan_adapter.h"

#include "adapters/adapter.h"
#include "adapters/build_adapter_plan.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "tasks/chain.h"

namespace tenon {
namespace {

bool names_rules(const Options& options) {
  return !options.rules.empty() && options.rules.front() != "auto";
}

// The rules are known without a base where a manifest keeps them, or the user names their file.
BaseModel base_of(const Checkpoint& adapter, const Options& options, const Library& library,
                  const Manifest* again) {
  if (!options.base.empty()) return open_base(options.base, open_options(options), library);
  const bool returns = adapter.returns_to(options.to);
  if (again == nullptr && !returns && !names_rules(options) && !adapter.manifest) {
    throw UserError("adapter-base"_id, {adapter.directory.string(), 0, 0, {}, "", ""},
                    "is an adapter, and goes by the rules of its base model",
                    "Name that with --base: its folder, or its model type (--base llama). Rules of your own: "
                    "--rules FILE.");
  }
  BaseModel none;
  none.checkpoint.path = none.checkpoint.directory = adapter.directory;
  return none;
}

const AdapterRecord* record_of(const std::optional<Manifest>& manifest) {
  return manifest && manifest->adapter ? &*manifest->adapter : nullptr;
}

}  // namespace

void plan_adapter(PlannedConversion& planned, const Options& options, const Library& library,
                  Observer& observer, const Manifest* again) {
  BaseModel base;
  {
    const Timer timer(planned.timings, "open base");
    base = base_of(planned.source, options, library, again);
  }
  observer.note(base.checkpoint.warnings);
  {
    const Timer timer(planned.timings, "choose");
    const AdapterRecord* const known =
        again != nullptr && again->adapter ? &*again->adapter : record_of(planned.source.manifest);
    const Checkpoint by = checkpoint_to_choose_by(planned.source, base, known);
    // A converted base knows by which rules.
    const auto& own = base.checkpoint.manifest;
    const bool as_base = again == nullptr && !planned.source.manifest && own && own->layout == options.to;
    planned.rules =
        choose_in_chain(planned.source, options, library, as_base ? &*own : again, planned.before, &by);
  }
  observer.throw_if_stopped();
  {
    const Timer timer(planned.timings, "plan");
    const bool returns = planned.source.returns_to(options.to);
    const AdapterRecord* const known = again != nullptr && again->adapter ? &*again->adapter
                                       : returns                          ? record_of(planned.source.manifest)
                                                                          : nullptr;
    planned.plan = build_adapter_plan(planned.source, base, planned.rules, options, known);
  }
  observer.throw_if_stopped();
}

bool goes_by_its_base(const Checkpoint& source, const Options& options, const Manifest* again) {
  if (!is_adapter(source)) return false;
  if (again != nullptr) return again->adapter.has_value();
  if (source.manifest) return source.manifest->adapter.has_value();
  if (!options.base.empty() || !names_rules(options)) return true;
  const std::string file = (source.directory / kAdapterConfigName).string();
  return parse_config(read_text_file(file, kMaxConfigBytes), file).contains("r");
}

}  // namespace tenon
