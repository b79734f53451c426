#include "plan/explain.h"

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/fill_from.h"
#include "cli/commands.h"
#include "plan/key_table.h"
#include "report/explain_report.h"
#include "report/table.h"
#include "rules/choose_rules.h"
#include "tasks/convert.h"
#include "tasks/explain.h"

namespace tenon {
namespace {

void show(const Explanation& explanation, const Options& options, Console& console) {
  if (console.json()) {
    console.document(explain_json(explanation, options.to));
  } else {
    console.result(explain_text(explanation, options.to, console.verbose()));
  }
}

// Where the key would go, whatever stands against the plan: the reason is often just there.
void follow(const Options& options, const Library& library, Console& console) {
  Checkpoint checkpoint = open_checkpoint(options.source, open_options(options));
  if (!options.fill_from.empty())
    fill_from(checkpoint, open_checkpoint(options.fill_from, open_options(options)), options.fill_from);
  const RuleSet rules = choose_rules(options, checkpoint, library);
  show(follow_key(checkpoint, rules, options.to, options.key), options, console);
}

// Of several keys there is no room for each transform: where they go, and by what.
void show_table(const Options& options, const Library& library, Console& console) {
  if (console.json())
    throw UserError("args-value"_id, {"explain", 0, 0, {}, "", ""}, "--json explains one key",
                    "`tenon plan --json` has every tensor of the plan.");
  const auto planned = plan_conversion(options.source, options, library, nobody());
  Table table({{"source"}, {fmt::format("{} layout", name_of(options.to))}, {"by"}});
  for (const KeyRow& row : key_table(planned.source, planned.plan, options.key.empty() ? "**" : options.key))
    table.add({row.source, row.result.empty() ? "(left out)" : row.result, row.by});
  console.result(table.text());
}

Verdict explain(const Options& options, Console& console) {
  const Library library = library_of(options);
  if (options.key.empty() || options.key.find('*') != std::string::npos) {
    show_table(options, library, console);
    return Verdict::kHolds;
  }
  try {
    const auto planned = plan_conversion(options.source, options, library, nobody());
    show(explain_planned(planned, options.key), options, console);
  } catch (const UserError& refused) {
    if (refused.diagnostics().front().id == "key-unknown") throw;
    follow(options, library, console);
    throw;
  }
  return Verdict::kHolds;
}

}  // namespace

Command explain_command() {
  return {
      .name = "explain",
      .about = "Show which transform touched a key and which did not, both ways",
      .examples = R"(  tenon explain Mixtral-8x7B model.layers.0.block_sparse_moe.experts.3.w1.weight
                                                            where a tensor of the source goes
  tenon explain Mixtral-8x7B model.layers.0.mlp.experts.gate_up_proj
                                                            what an output tensor is made of
  tenon explain Mixtral-fused model.layers.0.mlp.gate.weight --to original
                                                            on the way back
  tenon explain Mixtral-8x7B '**.experts.3.*'               many keys: a table of what becomes what; no KEY: all of them
  tenon explain Qwen2-VL-7B visual.patch_embed.proj.weight --fuse patch_embeddings --json)",
      .arguments =
          {{"SRC", "The checkpoint: a folder, or one .safetensors file", member_of<&Options::source>(),
            Completes::kCheckpoint},
           {"KEY",
            "A tensor of SRC, or one that the conversion would write; a glob, or none, for a table of many",
            member_of<&Options::key>(), Completes::kNothing, false}},
      .run = explain};
}

}  // namespace tenon
