#include "plan/rename_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "rules/pattern.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

bool lists_texts(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& e) { return e.is_string(); });
}

// A path with dots in its parts cannot be named by an edit.
void find_lists(const Json& node, const std::string& path, int depth, std::map<std::string, Json>& out) {
  if (!node.is_object() || depth > 4) return;
  for (const auto& [key, value] : node.items()) {
    if (key.find('.') != std::string::npos) continue;
    std::string at = path;
    at.append(".").append(key);
    if (lists_texts(value)) out.emplace(at, value);
    find_lists(value, at, depth + 1, out);
  }
}

std::map<std::string, Json> lists_of(const Json& config) {
  std::map<std::string, Json> out;
  for (const char* const part : {"", "text_config", "language_config", "llm_config"}) {
    const std::string prefix(part);
    const auto below = prefix.empty() ? config.end() : config.find(prefix);
    if (!prefix.empty() && below == config.end()) continue;
    const Json& node = prefix.empty() ? config : *below;
    if (!node.is_object()) continue;
    for (const char* const name : {"quantization_config", "compression_config"}) {
      const auto found = node.find(name);
      if (found == node.end()) continue;
      find_lists(*found, prefix.empty() ? name : prefix + "." + name, 0, out);
    }
  }
  return out;
}

// "re:..." is matched from a module's beginning; nothing where it is none, or one that PCRE2 does not know.
std::optional<Pattern> pattern_of(const std::string& entry) {
  if (!entry.starts_with("re:")) return std::nullopt;
  try {
    return Pattern({"^(?:" + entry.substr(3) + ")"}, {});
  } catch (const UserError&) {
    return std::nullopt;
  }
}

class ModuleNames {
 public:
  ModuleNames(const Checkpoint& checkpoint, const Plan& plan) : checkpoint_(checkpoint) {
    outputs_.resize(checkpoint.tensors.size());
    for (const auto& output : plan.outputs) {
      std::set<std::uint32_t> sources;
      for (const auto& piece : output.view.pieces) sources.insert(piece.source);
      for (const std::uint32_t i : sources) {
        outputs_[i].push_back(output.key);
        sources_[output.key].push_back(i);
      }
    }
  }

  // The new names of a list's entries, in order, each once.
  Json renamed(const std::string& path, const Json& list, std::vector<std::string>& untold) const {
    std::set<std::string> listed;
    for (const Json& entry : list) listed.insert(entry.get<std::string>());
    std::vector<std::string> out;
    for (const Json& entry : list) {
      for (const auto& name : names_of(path, entry.get<std::string>(), listed, untold)) {
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
      }
    }
    return out;
  }

 private:
  std::vector<std::string> names_of(const std::string& path, const std::string& entry,
                                    const std::set<std::string>& listed,
                                    std::vector<std::string>& untold) const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::string& key = checkpoint_.tensors[i].key;
      if (!key.starts_with(entry) || key.size() <= entry.size() || key[entry.size()] != '.') continue;
      for (const auto& output : outputs_[i]) {
        if (const std::string partner = unlisted_partner(output, listed); !partner.empty()) {
          untold.push_back(
              fmt::format("{}: {} becomes a part of {} with {}, which the list does not name: "
                          "it stays as it is",
                          path, entry, output, partner));
          return {entry};
        }
        const std::string name = name_after(output, key.substr(entry.size()));
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
      }
    }
    if (!out.empty()) return out;
    if (const std::string gone = names_no_more(entry); !gone.empty()) {
      untold.push_back(
          fmt::format("{}: {} is no module's whole name, and {} has another name now: it stays "
                      "as it is",
                      path, entry, gone));
    }
    return {entry};
  }

  // `rest` is what stands behind the module's name: ".weight".
  static std::string name_after(const std::string& output, const std::string& rest) {
    if (output.ends_with(rest)) return output.substr(0, output.size() - rest.size());
    return output.ends_with(".weight") ? module_of(output) : output;
  }

  // A source module that feeds the output and is below no entry of the list.
  std::string unlisted_partner(const std::string& output, const std::set<std::string>& listed) const {
    for (const std::uint32_t i : sources_.at(output)) {
      bool below = false;
      for (std::string module = checkpoint_.tensors[i].key; !below;) {
        const std::size_t dot = module.rfind('.');
        if (dot == std::string::npos) break;
        module.resize(dot);
        below = listed.contains(module);
      }
      if (!below) return module_of(checkpoint_.tensors[i].key);
    }
    return "";
  }

  // A module that a part of a name, or a glob, found before and finds no more.
  std::string names_no_more(const std::string& entry) const {
    const auto pattern = pattern_of(entry);
    const auto finds = [&](const std::string& key) {
      if (pattern) return pattern->search(module_of(key)).has_value();
      if (entry.find('*') != std::string::npos) return glob_matches(entry, module_of(key));
      return ("." + key).find("." + entry + ".") != std::string::npos;
    };
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::string& key = checkpoint_.tensors[i].key;
      if (!finds(key) || outputs_[i].empty()) continue;
      if (std::none_of(outputs_[i].begin(), outputs_[i].end(), finds)) return module_of(key);
    }
    return "";
  }

  const Checkpoint& checkpoint_;
  std::vector<std::vector<std::string>> outputs_;  // by source tensor: the keys that hold its elements
  std::map<std::string, std::vector<std::uint32_t>> sources_;
};

}  // namespace

std::string module_of(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string::npos ? key : key.substr(0, dot);
}

std::vector<ConfigEdit> rename_listed_modules(const Checkpoint& checkpoint, const Plan& plan,
                                              std::vector<std::string>& untold) {
  std::vector<ConfigEdit> out;
  const auto lists = lists_of(checkpoint.config);
  if (lists.empty()) return out;
  const ModuleNames names(checkpoint, plan);
  for (const auto& [path, list] : lists) {
    const Json renamed = names.renamed(path, list, untold);
    if (renamed != list) out.push_back({path, list, renamed});
  }
  return out;
}

}  // namespace tenon
