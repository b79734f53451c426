// Flags that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/request.h"
#include "rules/library.h"

namespace tenon {

/// --to, --rules, --fuse, --max-shard-size, --assume-used, --assume-layout, --one-way: what a plan depends
/// on.
void add_plan_flags(CLI::App& app, ConvertOptions& flags);

/// --threads.
void add_threads_flag(CLI::App& app, int& threads);

/// --rules-dir.
void add_library_flag(CLI::App& app, std::string& folder);

/// The rule library in `folder`, or the standard one where that is empty.
Library library_at(const std::string& folder);

}  // namespace tenon
