// The schema of every document that a command prints with --json, and a page on them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

struct DocumentSchema {
  // "convert", "rules list"; "errors" is what every command prints instead where it fails.
  std::string_view command;
  nlohmann::ordered_json schema;
};

/// In the order in which --help has the commands.
std::vector<DocumentSchema> document_schemas();

/// docs/json.md.
std::string schemas_page();

}  // namespace tenon
