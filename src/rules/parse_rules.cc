#include "rules/parse_rules.h"

#include <fmt/format.h>

#include "base/content_hash.h"
#include "base/text.h"
#include "checkpoint/file.h"
#include "rules/language/expression.h"
#include "rules/language/yaml_reader.h"
#include "rules/parse_operation.h"
#include "rules/parse_transform.h"
#include "rules/yaml_json.h"

namespace tenon {
namespace {

constexpr std::int64_t kFormatVersion = 1;

void for_each_item(MapReader& map, const std::string& key, const std::string& what,
                   const std::function<void(const YAML::Node&)>& visit) {
  const YAML::Node list = map.take(key);
  if (!list.IsDefined()) return;
  if (!list.IsSequence()) {
    map.error("rules-malformed"_id, list, fmt::format("'{}' is a list of {}", key, what));
    return;
  }
  for (const auto& item : list) visit(item);
}

class RuleFileParser {
 public:
  RuleFileParser(const YamlFile& yaml, Diagnostics& diagnostics)
      : yaml_(yaml), diagnostics_(diagnostics), map_(yaml, yaml.root(), "a rule file", diagnostics) {}

  RuleFile parse() {
    if (is_of_another_version()) return std::move(file_);
    head();
    includes();
    for_each_item(map_, "transforms", "transforms", [&](const YAML::Node& n) { transform(n); });
    submodels();
    keys();
    for_each_item(map_, "drop", "globs with a reason", [&](const YAML::Node& n) { drop(n); });
    for_each_item(map_, "copy", "pairs {from, to}", [&](const YAML::Node& n) { copy(n); });
    part("extract", false);
    part("insert", true);
    config();
    modules();
    for_each_item(map_, "silence", "findings with a reason", [&](const YAML::Node& n) { silence(n); });
    family();
    map_.finish();
    return std::move(file_);
  }

  void head() {
    map_.require("tenon");
    map_.require("name");
    map_.require("about");
    map_.integer("tenon", kFormatVersion);
    file_.name = map_.text("name");
    file_.about = map_.text("about");
    file_.origin = map_.text("origin");
    file_.base_model_prefix = map_.text("base_model_prefix");
    const YAML::Node applies = map_.take("applies_to");
    if (!applies.IsDefined()) return;
    MapReader reader(yaml_, applies, "applies_to", diagnostics_);
    file_.applies_to.model_types = reader.texts("model_type");
    file_.applies_to.architectures = reader.texts("architectures");
    reader.finish();
  }

  // Of such a file nothing else can be said.
  bool is_of_another_version() {
    const YAML::Node node = map_.take("tenon");
    if (!node.IsDefined() || !node.IsScalar()) return false;
    std::int64_t version = 0;
    if (!YAML::convert<std::int64_t>::decode(node, version) || version == kFormatVersion) return false;
    map_.error("rules-version"_id, node,
               fmt::format("format version {}; this tenon reads version {}", version, kFormatVersion),
               version > kFormatVersion ? "A newer tenon reads it." : "");
    return true;
  }

  RuleFile take() { return std::move(file_); }

 private:
  void includes() {
    for_each_item(map_, "include", "rule files", [&](const YAML::Node& node) {
      Include include;
      include.place = yaml_.place(node);
      if (node.IsScalar()) {
        include.rules = node.Scalar();
      } else {
        MapReader reader(yaml_, node, "an include", diagnostics_);
        reader.require("rules");
        include.rules = reader.text("rules");
        const auto scope = reader.optional_text("scope_prefix");
        const auto base = reader.optional_text("base_model_prefix");
        if (scope) include.scope = Scope{*scope, base.value_or("")};
        reader.finish();
      }
      file_.includes.push_back(std::move(include));
    });
  }

  void transform(const YAML::Node& node) {
    auto parsed = parse_transform(yaml_, node, diagnostics_);
    if (parsed) {
      parsed->rule = file_.name;
      parsed->index = next_index_;
      parsed->from_registry = !file_.origin.empty();
      file_.transforms.push_back(std::move(*parsed));
    }
    ++next_index_;  // a transform that could not be parsed keeps its number
  }

  void submodels() {
    const YAML::Node map = map_.take("submodels");
    if (!map.IsDefined()) return;
    if (!map.IsMap()) {
      map_.error("rules-malformed"_id, map, "'submodels' maps a sub-config of config.json to a module path");
      return;
    }
    for (const auto& entry : map) {
      if (entry.second.IsSequence()) {
        for (const auto& item : entry.second) submodel(entry.first.Scalar(), item);
      } else {
        submodel(entry.first.Scalar(), entry.second);
      }
    }
  }

  void submodel(const std::string& config_path, const YAML::Node& node) {
    Submodel out;
    out.config_path = config_path;
    out.place = yaml_.place(node);
    if (node.IsScalar()) {
      out.module = node.Scalar();
    } else {
      MapReader reader(yaml_, node, "a submodel", diagnostics_);
      reader.require("module");
      out.module = reader.text("module");
      const YAML::Node rules = reader.take("rules");
      if (rules.IsDefined() && rules.IsScalar()) out.rules_for_any = rules.Scalar();
      if (rules.IsDefined() && rules.IsMap()) {
        for (const auto& entry : rules) out.rules_by_model_type[entry.first.Scalar()] = entry.second.Scalar();
      }
      reader.finish();
    }
    if (config_path == "." && out.rules_for_any.empty()) {
      diagnostics_.error("rules-malformed"_id, out.place,
                         "a submodel with the same config ('.') needs 'rules', the name of a rule file");
    }
    file_.submodels.push_back(std::move(out));
  }

  void keys() {
    const YAML::Node node = map_.take("keys");
    if (!node.IsDefined()) return;
    if (!node.IsMap()) {
      file_.keys[""] = map_.texts("keys");
      return;
    }
    MapReader reader(yaml_, node, "keys", diagnostics_);
    for (const auto& entry : node) file_.keys[entry.first.Scalar()] = reader.texts(entry.first.Scalar());
  }

  void drop(const YAML::Node& node) {
    MapReader reader(yaml_, node, "a drop", diagnostics_);
    reader.require("keys");
    reader.require("reason");
    file_.drops.push_back(
        {reader.texts("keys"), reader.text("reason"), yaml_.place(node), reader.text("equals")});
    reader.finish();
  }

  void copy(const YAML::Node& node) {
    MapReader reader(yaml_, node, "a copy", diagnostics_);
    reader.require("from");
    reader.require("to");
    file_.copies.push_back({reader.text("from"), reader.text("to"), yaml_.place(node)});
    if (file_.copies.back().from == file_.copies.back().to)
      reader.error("rules-malformed"_id, node, "a copy has two names");
    reader.finish();
  }

  void part(const char* key, bool inserts) {
    const YAML::Node node = map_.take(key);
    if (!node.IsDefined()) return;
    if (file_.part) map_.error("rules-malformed"_id, node, "a rule file takes out one part, or puts in one");
    file_.part = parse_model_part(yaml_, node, inserts, file_.name, diagnostics_);
  }

  void config() {
    const YAML::Node node = map_.take("config");
    if (!node.IsDefined()) return;
    MapReader reader(yaml_, node, "config", diagnostics_);
    const YAML::Node set = reader.take("set");
    if (set.IsDefined() && !set.IsMap())
      reader.error("rules-malformed"_id, set, "'set' maps dotted paths of config.json to values");
    if (set.IsDefined() && set.IsMap()) {
      for (const auto& entry : set) {
        nlohmann::ordered_json value = json_of(entry.second);
        if (value.dump().find("${") != std::string::npos)
          reader.error("rules-malformed"_id, entry.second,
                       fmt::format("'set' takes values as they are: no expression is evaluated in '{}'",
                                   entry.first.Scalar()));
        file_.config_changes.push_back({entry.first.Scalar(), std::move(value)});
      }
    }
    for (const auto& path : reader.texts("remove")) file_.config_changes.push_back({path, std::nullopt});
    reader.finish();
  }

  void modules() {
    const YAML::Node node = map_.take("modules");
    if (!node.IsDefined()) return;
    if (!node.IsSequence())
      return map_.error("rules-malformed"_id, node, "'modules' is a list of module programs");
    file_.modules = json_of(node);
    remember_places(node, "");
  }

  void remember_places(const YAML::Node& node, const std::string& pointer) {
    file_.module_places[pointer] = yaml_.place(node);
    std::size_t index = 0;
    for (const auto& entry : node) {
      if (node.IsMap()) {
        remember_places(entry.second, pointer + "/" + entry.first.Scalar());
      } else {
        remember_places(entry, fmt::format("{}/{}", pointer, index++));
      }
    }
  }

  void silence(const YAML::Node& node) {
    MapReader reader(yaml_, node, "a silence", diagnostics_);
    reader.require("finding");
    reader.require("reason");
    Silence out{reader.text("finding"), std::nullopt, reader.text("reason"), yaml_.place(node)};
    const std::int64_t transform = reader.integer("transform", -1);
    if (transform >= 0) out.transform = static_cast<int>(transform);
    reader.finish();
    file_.silences.push_back(std::move(out));
  }

  // The keys of a fusion family.
  void family() {
    const std::string position = map_.text("position", "after");
    if (position != "before" && position != "after")
      map_.error("rules-malformed"_id, map_.take("position"), "'position' is before or after");
    file_.before = position == "before";
    file_.filters = map_.texts("filter");
    file_.also = map_.texts("also");
    fusable();
    fuse();
    file_.is_family = file_.fusable.has_value() || file_.fuse.has_value() || !file_.filters.empty() ||
                      !file_.also.empty() || file_.before;
  }

  void fusable() {
    const YAML::Node node = map_.take("fusable");
    if (!node.IsDefined()) return;
    MapReader reader(yaml_, node, "fusable", diagnostics_);
    Fusable out;
    out.place = yaml_.place(node);
    reader.require("modules");
    out.modules = reader.texts("modules");
    out.except = reader.texts("except");
    out.absent = reader.texts("absent");
    const YAML::Node tensors = reader.take("tensors");
    if (tensors.IsDefined() && !tensors.IsMap())
      reader.error("rules-malformed"_id, tensors,
                   "'tensors' maps names below the module to what they must be");
    if (tensors.IsDefined() && tensors.IsMap()) {
      for (const auto& entry : tensors)
        out.tensors.push_back(fusable_tensor(entry.first.Scalar(), entry.second));
    }
    for_each_item(reader, "together", "lists of tensors", [&](const YAML::Node& group) {
      out.together.emplace_back();
      for (const auto& name : group) out.together.back().push_back(name.Scalar());
    });
    for_each_item(reader, "alike", "lists of tensors", [&](const YAML::Node& group) {
      out.alike.emplace_back();
      for (const auto& name : group) out.alike.back().push_back(name.Scalar());
    });
    const YAML::Node when = reader.take("when");
    out.when = reader.texts("when");
    for (const auto& condition : out.when) {
      if (const auto error = expression_error(condition))
        reader.error("expression-malformed"_id, when, fmt::format("'{}': {}", condition, *error));
    }
    reader.finish();
    file_.fusable = std::move(out);
  }

  FusableTensor fusable_tensor(const std::string& name, const YAML::Node& node) {
    MapReader reader(yaml_, node, "a fusable tensor", diagnostics_);
    FusableTensor out;
    out.name = name;
    out.optional = reader.boolean("optional", false);
    out.shape = parse_shape(yaml_, reader, "shape");
    out.or_shape = parse_shape(yaml_, reader, "or_shape");
    if (!out.or_shape.empty() && out.shape.empty())
      reader.error("rules-malformed"_id, node, "'or_shape' goes with 'shape'");
    if (const std::int64_t rank = reader.integer("rank", -1); rank >= 0) out.rank = static_cast<int>(rank);
    reader.finish();
    return out;
  }

  void fuse() {
    const YAML::Node node = map_.take("fuse");
    if (!node.IsDefined()) return;
    MapReader reader(yaml_, node, "fuse", diagnostics_);
    reader.require("name");
    reader.require("modules");
    file_.fuse = FuseModules{reader.text("name"), reader.texts("modules"), yaml_.place(node)};
    if (file_.fuse->modules.size() < 2)
      reader.error("rules-malformed"_id, node, "'fuse' joins at least two modules");
    reader.finish();
  }

  const YamlFile& yaml_;
  Diagnostics& diagnostics_;
  MapReader map_;
  RuleFile file_;
  int next_index_ = 0;
};

// The part of a rule file before the first key that detection does not need.
std::string_view head_of(std::string_view text) {
  for (const std::string_view key :
       {"\nbase_model_prefix:", "\ninclude:", "\ntransforms:", "\nsubmodels:", "\nkeys:", "\ndrop:",
        "\ncopy:", "\nextract:", "\ninsert:", "\nconfig:", "\nmodules:", "\nsilence:", "\nfusable:",
        "\nposition:", "\nfilter:", "\nfuse:", "\nalso:"}) {
    text = text.substr(0, text.find(key));
  }
  return text;
}

}  // namespace

RuleFile parse_rules(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  const YamlFile yaml(text, file, diagnostics);
  RuleFile out;
  if (yaml.root().IsMap()) {
    out = RuleFileParser(yaml, diagnostics).parse();
  } else if (!diagnostics.has_errors()) {
    diagnostics.error("rules-malformed"_id, {file, 0, 0, {}, "", ""},
                      "a rule file is a map of keys: tenon, name, about, transforms, ...");
  }
  out.path = file;
  out.hash = content_hash(text);
  return out;
}

RuleFile read_rule_file(const std::filesystem::path& path, Diagnostics& diagnostics) {
  return parse_rules(read_text_file(path, kMaxYamlBytes), path.string(), diagnostics);
}

std::optional<RuleFile> read_rule_head(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, kMaxYamlBytes);
  Diagnostics ignored;  // whoever parses the whole file reports
  const YamlFile yaml(head_of(text), path.string(), ignored);
  if (!yaml.root().IsMap()) return std::nullopt;
  RuleFileParser parser(yaml, ignored);
  if (parser.is_of_another_version()) return std::nullopt;
  parser.head();
  RuleFile out = parser.take();
  out.path = path;
  if (ignored.has_errors() || out.name.empty()) return std::nullopt;
  return out;
}

}  // namespace tenon
