#include "adapters/base_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "checkpoint/hub_cache.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBaseConfigBytes = 16'000'000;

bool holds_weights(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".safetensors") return true;
  }
  return false;
}

// Adapters are trained on a model with its head: of a type whose classes have rules of their own, that one.
std::string headed_class(const std::string& model_type, const Library& library) {
  const auto has = [](const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
  };
  for (const char* const head : {"ForConditionalGeneration", "ForCausalLM"}) {
    for (const RuleFile& file : library.models()) {
      if (!has(file.applies_to.model_types, model_type)) continue;
      for (const std::string& name : file.applies_to.architectures) {
        if (name.ends_with(head)) return name;
      }
    }
  }
  return "";
}

}  // namespace

BaseModel open_base(const std::string& name, const OpenOptions& how, const Library& library) {
  BaseModel base;
  std::error_code error;
  const bool is_there = fs::exists(name, error) || hub_snapshot(name).has_value();
  if (is_there && (!fs::is_directory(name, error) || holds_weights(name))) {
    base.checkpoint = open_checkpoint(name, how);
    base.has_tensors = true;
    return base;
  }
  base.checkpoint.path = base.checkpoint.directory = name;
  base.checkpoint.has_config = true;
  if (is_there) {
    const fs::path file = fs::path(name) / "config.json";
    if (!fs::exists(file, error))
      throw UserError("adapter-base"_id, place_of(name), "holds neither weights nor a config.json",
                      "--base takes the adapter's base model: its folder, or its model type.");
    base.checkpoint.config_text = read_text_file(file, kMaxBaseConfigBytes);
    base.checkpoint.config = parse_config(base.checkpoint.config_text, file.string());
    return base;
  }
  if (library.detect(name, "") == nullptr) {
    std::vector<std::string> known;
    for (const auto& model : library.models()) known.push_back(model.name);
    throw UserError(
        "adapter-base"_id, {"--base", 0, 0, {}, "", ""},
        fmt::format("'{}' is neither a folder nor a model type that the library has rules for", shown(name)),
        did_you_mean(name, known) + " A base without rules has one layout: its adapters need no conversion.");
  }
  base.checkpoint.config = {{"model_type", name}};
  const std::string headed = headed_class(name, library);
  if (!headed.empty()) base.checkpoint.config["architectures"] = {headed};
  return base;
}

}  // namespace tenon
