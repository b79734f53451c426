// Flags that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/request.h"
#include "rules/library.h"

namespace tenon {

/// --rules, --fuse, --assume-used, --assume-layout: what maps one layout to the other.
void add_rule_flags(CLI::App& app, ConvertOptions& flags);

/// Those, --to, --max-shard-size and --one-way: all that a plan depends on.
void add_plan_flags(CLI::App& app, ConvertOptions& flags);

/// --threads.
void add_threads_flag(CLI::App& app, int& threads);

/// --rules-dir.
void add_library_flag(CLI::App& app, std::string& folder);

/// The rule library in `folder`, or the standard one where that is empty.
Library library_at(const std::string& folder);

}  // namespace tenon
