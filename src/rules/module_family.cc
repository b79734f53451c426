#include "rules/module_family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "checkpoint/json_text.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

constexpr const char* kForm =
    "Write --fuse 'NAME=PARENT.CHILD,PARENT.OTHER': globs of siblings; NAME@2= makes the second the owner.";

[[noreturn]] void refuse(const std::string& message) {
  throw UserError("family-siblings"_id, {"--fuse", 0, 0, {}, "", ""}, message, kForm);
}

bool is_made_of(const std::string& text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

struct ModuleGlob {
  std::string parent;
  std::string child;
};

ModuleGlob split_glob(const std::string& glob) {
  const std::size_t dot = glob.rfind('.');
  if (dot == std::string::npos) return {"", glob};
  return {glob.substr(0, dot), glob.substr(dot + 1)};
}

// `*` is one part of a name, `**` any; a leading `**.` also matches nothing.
std::string pattern_of_parent(const std::string& glob) {
  std::string out;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob.compare(i, 2, "**") == 0) {
      out += ".*";
      ++i;
    } else if (glob[i] == '*') {
      out += "[^.]+";
    } else if (glob[i] == '.') {
      out += "\\.";
    } else {
      out += glob[i];
    }
  }
  return out;
}

}  // namespace

bool is_module_family(const std::string& text) {
  return text.find('=') != std::string::npos;
}

RuleFile module_family(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::string name = text.substr(0, equals);
  std::size_t owner = 0;
  if (const std::size_t at = name.find('@'); at != std::string::npos) {
    const auto number = as_index(name.substr(at + 1));
    if (!number || *number < 1) refuse(fmt::format("'{}' says no owner", shown(name)));
    owner = static_cast<std::size_t>(*number) - 1;
    name.resize(at);
  }
  if (!is_made_of(name, "_-")) refuse(fmt::format("'{}' is no name of a family", shown(name)));
  std::vector<std::string> globs;
  for (std::size_t from = equals + 1; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    globs.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  std::vector<ModuleGlob> modules;
  for (const auto& glob : globs) {
    modules.push_back(split_glob(glob));
    if (!is_made_of(glob, "_-.*") || !is_made_of(modules.back().child, "_-"))
      refuse(fmt::format("'{}' is no glob of a module whose last part is its name", shown(glob)));
  }
  if (modules.size() < 2) refuse("one module is nothing to fuse");
  if (owner >= modules.size()) refuse(fmt::format("{} modules have no number {}", modules.size(), owner + 1));
  std::rotate(globs.begin(), globs.begin() + static_cast<std::ptrdiff_t>(owner),
              globs.begin() + static_cast<std::ptrdiff_t>(owner) + 1);
  const ModuleGlob& first = modules[owner];
  std::string yaml = fmt::format(
      "tenon: 1\nname: {}\nabout: Modules that --fuse makes one.\nfuse: {{name: {}, modules: "
      "['{}']}}\ntransforms:\n",
      name, name, fmt::join(globs, "', '"));
  const std::string parent = pattern_of_parent(first.parent);
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (i == owner) continue;
    const std::string before = parent.empty() ? "^" : fmt::format("^({})\\.", parent);
    const std::string into = parent.empty() ? "" : "\\1.";
    yaml += fmt::format("  - WeightRenaming: {{source_patterns: '{}{}\\.', target_patterns: '{}{}.{}.'}}\n",
                        before, modules[i].child, into, first.child, modules[i].child);
  }
  Diagnostics diagnostics;
  RuleFile out = parse_rules(yaml, "--fuse", diagnostics);
  diagnostics.throw_if_errors();
  return out;
}

}  // namespace tenon
