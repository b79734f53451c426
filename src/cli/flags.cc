#include "cli/flags.h"

namespace tenon {
namespace {

// A flag that may be given several times, with one value each: `--rules a SRC` must not take SRC.
void add_repeated(CLI::App& app, const std::string& name, const std::string& value,
                  std::vector<std::string>& values, const std::string& what) {
  app.add_option(name, values, what)->allow_extra_args(false)->take_all()->option_text(value);
}

}  // namespace

void add_rule_flags(CLI::App& app, ConvertOptions& flags) {
  add_repeated(
      app, "--rules", "NAME|FILE", flags.rules,
      "auto (default: found by config.json), a name of the library, or a rule file; may be repeated");
  add_repeated(app, "--fuse", "NAME", flags.fuse,
               "A fusion family to apply as well; may be repeated, order counts");
  add_repeated(app, "--assume-used", "NAME", flags.assume_used,
               "To original without a manifest: also invert this PrefixChange, named as plan names it");
  add_repeated(app, "--assume-layout", "GLOB=LAYOUT", flags.assume_layout,
               "original or fused: the layout that square tensors are in, where shapes cannot tell");
}

void add_plan_flags(CLI::App& app, ConvertOptions& flags) {
  app.add_option("--to", flags.to, "The layout to convert to: fused (default) or original")
      ->option_text("LAYOUT");
  add_rule_flags(app, flags);
  app.add_option("--max-shard-size", flags.max_shard_size,
                 "Largest shard to write (default 5GB; a one-file checkpoint stays one file)")
      ->option_text("SIZE");
  app.add_flag("--one-way", flags.one_way, "Accept a conversion whose way back does not give the source");
}

void add_threads_flag(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "How many threads (default: as many as the machine has)")
      ->check(CLI::Range(0, kMostThreads))
      ->option_text("N");
}

void add_library_flag(CLI::App& app, std::string& folder) {
  app.add_option("--rules-dir", folder, "Another rule library than the one that came with tenon")
      ->option_text("FOLDER");
}

Library library_at(const std::string& folder) {
  return folder.empty() ? Library::standard() : Library(folder);
}

}  // namespace tenon
