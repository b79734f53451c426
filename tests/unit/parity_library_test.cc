// Every rule of the library that does more than rename has a module program, or a reason here.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "modules/parse_modules.h"
#include "parity/result.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

const std::filesystem::path kRules = std::filesystem::path(TENON_SOURCE_ROOT) / "rules";

// What a model type's rules make, its own or included, that no program compares as a whole module of that
// type, and why. A row that such a program stands against, or that no rule makes, fails the test.
struct Reason {
  std::string type;  // or the name of a fusion family
  std::string target;
  std::string why;
};
const std::vector<Reason> kReasons = {
    {"qwen4_exp_text", "ngram_embedding.weight",
     "rows of a table are looked up: no arithmetic depends on where they stand"},
    {"qkv", "qkv_proj.1", "scales of quantised weights: the programs compute with weights that are numbers"},
    {"gate_up", "gate_up_proj.1", "scales of quantised weights, likewise"},
    {"sequential_experts", "experts.*.gate_proj.weight",
     "a mixture whatever its router: logits are given, and the experts compared"},
    {"sequential_experts", "experts.*.down_proj.weight", "likewise"},
    {"sequential_experts_interleaved", "experts.*.gate_proj.weight",
     "experts with biases: no program's experts take any"},
    {"sequential_experts_interleaved", "experts.*.gate_proj.bias", "likewise"},
    {"sequential_experts_interleaved", "experts.*.down_proj.weight", "likewise"},
    {"sequential_experts_interleaved", "experts.*.down_proj.bias", "likewise"},
    {"vllm_experts", "experts.w13_weight",
     "a mixture whatever its router: logits are given, and the experts compared"},
    {"vllm_experts", "experts.w2_weight", "likewise"},
    {"qkv_named", "qkv.weight", "attentions of many models: the projections are compared"},
    {"qkv_named", "qkv.bias", "likewise"},
    {"megatron_qkv", "linear_qkv.weight", "another program's layout: the projections are compared"},
    {"megatron_qkv", "linear_qkv.bias", "likewise"},
    {"neox_qkv", "query_key_value.weight", "another program's layout: the projections are compared"},
    {"neox_qkv", "query_key_value.bias", "likewise"},
};

std::vector<RuleFile> files_of(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kRules / folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  Diagnostics diagnostics;
  std::vector<RuleFile> out;
  for (const auto& path : paths) {
    if (path.extension() == ".yaml") out.push_back(read_rule_file(path, diagnostics));
  }
  diagnostics.throw_if_errors();
  return out;
}

std::vector<ModuleProgram> programs() {
  Diagnostics diagnostics;
  std::vector<ModuleProgram> out;
  for (const char* folder : {"parity", "fusions"}) {
    for (const auto& file : files_of(folder)) {
      for (auto& program : parse_modules(file, diagnostics)) out.push_back(std::move(program));
    }
  }
  diagnostics.throw_if_errors();
  return out;
}

// "\.experts\.*.w1.weight$" as a name: the text that it matches, with its `*`.
std::string name_of_pattern(std::string pattern) {
  std::erase(pattern, '\\');
  if (pattern.starts_with('^')) pattern.erase(0, 1);
  if (pattern.ends_with('$')) pattern.pop_back();
  if (pattern.starts_with('.')) pattern.erase(0, 1);
  return pattern;
}

// Is a pattern's text a weight of the program, seen from the module that the weight is named from? A pattern
// may leave off the end: `wqkv` stands for wqkv.weight and wqkv.bias.
bool names(const Program& program, const std::string& pattern) {
  const std::string text = name_of_pattern(pattern);
  const auto is_named = [&](const std::string& name) {
    if ((name.find('*') != std::string::npos) != (text.find('*') != std::string::npos)) return false;
    const std::string whole = name.starts_with(text + ".") ? name : text;
    const std::size_t at = text.rfind(name.substr(0, name.rfind('.')));
    return whole == name || text.ends_with("." + name) || name.ends_with("." + text) ||
           (at != std::string::npos && name.starts_with(text.substr(at) + "."));
  };
  return std::any_of(program.weights.begin(), program.weights.end(), [&](const WeightName& weight) {
    const auto alternatives = weight.alternatives();
    return std::any_of(alternatives.begin(), alternatives.end(), is_named);
  });
}

bool covers(const ModuleProgram& program, const Transform& transform) {
  const auto all_named = [](const Program& side, const std::vector<std::string>& patterns) {
    return std::all_of(patterns.begin(), patterns.end(), [&](const auto& p) { return names(side, p); });
  };
  const auto any_named = [](const Program& side, const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return names(side, p); });
  };
  // One source may feed several modules, each with its own program: text and vision experts.
  return all_named(program.original, transform.source_patterns) &&
         any_named(program.fused, transform.target_patterns);
}

// A model type without the part of the model that it is of.
std::string whole_type(std::string type) {
  for (const std::string_view part : {"_vision_model", "_text_model", "_vision", "_text"}) {
    if (type.ends_with(part)) type.resize(type.size() - part.size());
  }
  return type;
}

// Is a program known to be a module of this model type, or of one of its parts, or of any?
bool is_of(const ModuleProgram& program, const std::string& type) {
  return program.types.empty() ||
         std::any_of(program.types.begin(), program.types.end(),
                     [&](const std::string& t) { return whole_type(t) == whole_type(type); });
}

bool is_whole(const ModuleProgram& program) {
  return program.claims == "whole module" || program.claims == "short convolutions";
}

// A file and those that it includes.
void gather_files(const std::string& name, const std::vector<RuleFile>& files,
                  std::vector<const RuleFile*>& out) {
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
  if (file == files.end() || std::find(out.begin(), out.end(), &*file) != out.end()) return;
  out.push_back(&*file);
  for (const auto& include : file->includes) gather_files(include.rules, files, out);
}

// Every conversion of every model type and of every fusion family.
struct Entry {
  std::string type;
  const Transform* transform;
  bool family;
};

std::vector<Entry> entries_of(const std::vector<RuleFile>& models, const std::vector<RuleFile>& families) {
  std::vector<Entry> out;
  const auto add = [&](const std::string& type, const RuleFile& file, bool family) {
    for (const auto& transform : file.transforms) {
      if (!transform.operations.empty()) out.push_back({type, &transform, family});
    }
  };
  for (const auto& file : models) {
    std::vector<const RuleFile*> parts;
    gather_files(file.name, models, parts);
    for (const auto& type : file.applies_to.model_types) {
      for (const auto* const part : parts) add(type, *part, false);
    }
  }
  for (const auto& file : families) add(file.name, file, true);
  return out;
}

}  // namespace

TEST_CASE("library: what every model type's rules make is compared as a whole module, or says why not") {
  const auto all = programs();
  const auto models = files_of("models");
  const auto families = files_of("fusions");
  const auto entries = entries_of(models, families);
  std::set<const Reason*> used;
  for (const auto& entry : entries) {
    const std::string target = name_of_pattern(entry.transform->target_patterns.front());
    const auto whole = std::find_if(all.begin(), all.end(), [&](const auto& p) {
      return covers(p, *entry.transform) && is_whole(p) && (entry.family || is_of(p, entry.type));
    });
    const auto reason = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& r) {
      return r.type == entry.type && r.target == target;
    });
    INFO(entry.type << ": " << entry.transform->source_patterns.front() << " -> " << target);
    if (whole != all.end()) {
      INFO("compared as a whole module by " << whole->name << ": the reason is no more");
      CHECK(reason == kReasons.end());
    } else {
      INFO("no program compares it as a whole module of its type: say why in kReasons");
      CHECK(reason != kReasons.end());
    }
    if (reason != kReasons.end()) used.insert(&*reason);
  }
  CHECK(entries.size() > 120);
  for (const auto& reason : kReasons) {
    INFO(reason.type << ": " << reason.target << ": no rule makes it");
    CHECK(used.contains(&reason));
  }
}

}  // namespace tenon
