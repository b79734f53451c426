#include "tasks/convert.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/build_adapter_plan.h"
#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/fill_from.h"
#include "checkpoint/headers_file.h"
#include "checkpoint/put_into.h"
#include "plan/value_rules.h"
#include "tasks/chain.h"
#include "tasks/conversion_run.h"
#include "tasks/plan_adapter.h"
#include "tasks/plan_through.h"

namespace tenon {
namespace {

void fill_in(Checkpoint& source, const Options& options, const Manifest* again) {
  if (options.fill_from.empty()) {
    if (again == nullptr || again->filled.empty()) return;
    throw UserError("fill-needed"_id, place_of(source.path),
                    fmt::format("{} {} filled in from another checkpoint, {} first",
                                counted(again->filled.size(), "tensor"),
                                again->filled.size() == 1 ? "was" : "were", again->filled.front()),
                    "Name that one with --fill-from.");
  }
  const bool returns = source.returns_to(options.to);
  if (returns && options.to == Layout::kOriginal)
    throw UserError("fill-returns"_id, place_of(source.directory / kManifestName),
                    "this folder is taken back by its manifest, and lacks nothing that it names",
                    "Fill in what the original lost when it is converted: --fill-from there.");
  fill_from(source, open_checkpoint(options.fill_from, open_options(options)), options.fill_from);
  // A manifest of the way back does not know of what is filled in now.
  if (returns && source.first_filled_shard) source.manifest.reset();
}

// A part that goes into the whole needs the rest of it.
void put_beside(Checkpoint& source, const Checkpoint& whole, const RuleSet& rules, const Options& options,
                Observer& observer) {
  const bool goes_in = rules.part && !rules.part->source_is_whole(options.to);
  if (goes_in && options.into.empty())
    throw UserError(
        "part-needs-whole"_id, place_of(source.path),
        fmt::format(
            "a part goes into the whole model here, at {}, whose other tensors are not in this folder",
            rules.part->module),
        "Name that model, in its own layout, with --into.");
  if (!goes_in && !options.into.empty())
    throw UserError("part-no-part"_id, {"--into", 0, 0, {}, "", ""},
                    "these rules put no part into another model",
                    "It is for rules with `insert`, and for the way back of such with `extract`.");
  if (!goes_in) return;
  put_into(source, whole, options.into, [&](std::string_view key) { return rules.part->holds(key); });
  // Files beside the tensors are the source's: a processor of images is the whole's, and stays there.
  std::vector<std::string> others;
  for (const auto& file : whole.side_files) {
    const auto& own = source.side_files;
    if (std::find(own.begin(), own.end(), file) == own.end()) others.push_back(file.string());
  }
  if (!others.empty())
    observer.note("part-side-files"_id,
                  fmt::format("{} has files that do not come along: {}", options.into, join_some(others)));
}

// Rules about a part read numbers of the whole's config.json.
Checkpoint open_whole(Checkpoint& source, const Options& options) {
  if (options.into.empty()) return {};
  Checkpoint whole = open_checkpoint(options.into, open_options(options));
  source.whole =
      WholeModel{options.into, static_cast<std::uint32_t>(source.shards.size()), {}, whole.config, ""};
  return whole;
}

// Who writes no rules asks for a dtype, or for a format.
void add_asked_for(RuleSet& rules, const Checkpoint& source, const Options& options) {
  if (options.dtype.empty() && options.quantize.empty()) return;
  if (options.to != Layout::kFused || source.manifest)
    throw UserError("value-parameter"_id, {"--dtype, --quantize", 0, 0, {}, "", ""},
                    "these are for checkpoints as their publishers ship them",
                    "A folder that tenon made goes back with --to original.");
  if (!options.dtype.empty()) add_decoding(rules, source, dtype_of_word(options.dtype), options.keep);
  if (!options.quantize.empty()) set_coding(rules, source, options.quantize, options.ignore);
}

}  // namespace

PlannedConversion plan_conversion(const std::string& source, const Options& options, const Library& library,
                                  Observer& observer, const Manifest* again) {
  PlannedConversion planned;
  planned.library = library.folders();
  {
    // Names, dtypes, shapes and places; not a byte of a tensor.
    const Timer timer(planned.timings, "open");
    planned.source = open_checkpoint(source, open_options(options));
    // What it lost comes from where it came from, whole and under its own name.
    fill_in(planned.source, options, again);
  }
  observer.note(planned.source.warnings);
  observer.throw_if_stopped();
  set_aside_merge(planned.source, options.to, planned.before);
  if (goes_by_its_base(planned.source, options, again)) {
    plan_adapter(planned, options, library, observer, again);
    return planned;
  }
  const Checkpoint whole = open_whole(planned.source, options);
  if (goes_through_another(planned.source, options, again)) {
    plan_through(planned, options, library, observer, again);
    return planned;
  }
  {
    // config.json says which rules a checkpoint has, a manifest which ones made it.
    const Timer timer(planned.timings, "choose");
    planned.rules = choose_in_chain(planned.source, options, library, again, planned.before);
    if (again == nullptr) add_asked_for(planned.rules, planned.source, options);
    put_beside(planned.source, whole, planned.rules, options, observer);
  }
  observer.throw_if_stopped();
  {
    // Where every output byte comes from, proven by going back through the inverse of the rules.
    const Timer timer(planned.timings, "plan");
    planned.plan = build_plan(planned.source, planned.rules, options);
  }
  observer.throw_if_stopped();
  return planned;
}

namespace {

// Else a folder of that name is made, which nobody wants.
void refuse_file_name(const std::string& destination) {
  if (!destination.ends_with(".safetensors")) return;
  throw UserError("output-not-a-folder"_id, {destination, 0, 0, {}, "", ""}, "a conversion makes a folder",
                  "Name a folder; a source of one file gives one file in it.");
}

}  // namespace

ConversionReport carry_out(const PlannedConversion& planned, const Options& options, Observer& observer,
                           const ChunkEdit* edit) {
  require_tensors(planned.source);
  refuse_file_name(options.destination);
  observer.note(planned.plan.notes);
  ConversionRun conversion(planned, options, observer, edit);
  return conversion.run([&] {
    // Some plans take something for granted of the bytes: zeros where a rule cuts off, two tensors that are
    // one.
    conversion.check_conditions();

    // Beside the destination, which stays as it is until the last step; nobody else writes there meanwhile.
    conversion.claim();

    // Shards of an interrupted run are as good as new ones, if their bytes still have the hashes in its
    // journal.
    conversion.take_up_finished();

    // From here on every byte's place is fixed: threads write disjoint ranges in any order. The hashes are
    // made while the bytes pass, so that the manifest costs no second reading.
    conversion.write_shards();

    // With --verify, what is on the disk is read again and taken back to the source's layout.
    if (!conversion.compare_shards()) return conversion.not_made();

    // What is not tensors comes along, config.json with the edits that the rules ask for.
    if (!conversion.write_side_files()) return conversion.not_made();

    // Last of all files: a folder that has one is complete.
    conversion.write_manifest();

    // One rename, behind which nothing follows.
    conversion.publish();
    return conversion.report();
  });
}

ConversionReport convert(const Options& options, const Library& library, Observer& observer) {
  return carry_out(plan_conversion(options.source, options, library, observer), options, observer);
}

}  // namespace tenon
