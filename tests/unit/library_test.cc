#include "rules/library.h"

#include <catch2/catch.hpp>

#include "rules_fixture.h"

using namespace tenon;

namespace {

std::string name_of(const RuleFile* file) {
  return file == nullptr ? "(none)" : file->name;
}

}  // namespace

TEST_CASE("an architecture beats a model type alone") {
  const RuleFolder folder;
  folder.add("models", "llava", "applies_to: {model_type: [llava]}\n");
  folder.add("models", "LlavaModel", "applies_to: {model_type: [llava], architectures: [LlavaModel]}\n");
  const Library library = folder.library();
  CHECK(name_of(library.detect("llava", "LlavaModel")) == "LlavaModel");
  CHECK(name_of(library.detect("llava", "LlavaForConditionalGeneration")) == "llava");
  CHECK(name_of(library.detect("llava", "")) == "llava");
  CHECK(name_of(library.detect("clip", "LlavaModel")) == "(none)");
  CHECK(name_of(library.detect("bert", "")) == "(none)");
}

TEST_CASE("two equally good files are an error that names both") {
  const RuleFolder folder;
  folder.add("models", "one", "applies_to: {model_type: [a]}\n");
  folder.add("models", "two", "applies_to: {model_type: [a, b]}\n");
  const Library library = folder.library();
  CHECK_THROWS_WITH(library.detect("a", "X"), Catch::Contains("one and two both apply to model type 'a'"));
  CHECK(name_of(library.detect("b", "X")) == "two");
}

TEST_CASE("rules are found by name and by path, families among families") {
  const RuleFolder folder;
  folder.add("models", "mixtral", "");
  folder.add("fusions", "qkv", "position: before\n");
  const Library library = folder.library();
  CHECK(library.locate_model("mixtral") == folder.path() / "models/mixtral.yaml");
  CHECK(library.locate_family("qkv") == folder.path() / "fusions/qkv.yaml");
  const std::string path = (folder.path() / "models/mixtral.yaml").string();
  CHECK(library.locate_model(path) == path);
  CHECK_THROWS_WITH(library.locate_model("mixtrl"), Catch::Contains("Did you mean 'mixtral'?"));
  CHECK_THROWS_WITH(library.locate_family("nothing_like_it"), Catch::Contains("There are: qkv."));
  CHECK_THROWS_WITH(library.locate_model("./absent.yaml"), Catch::Contains("There is no such file."));
}

TEST_CASE("a malformed file is still found by its name") {
  const RuleFolder folder;
  folder.add("models", "broken", "]\n");
  CHECK(folder.library().locate_model("broken") == folder.path() / "models/broken.yaml");
}

TEST_CASE("a folder without models is no library") {
  CHECK_THROWS_WITH(Library("/usr/include").models(), Catch::Contains("it has no folder models/"));
}

TEST_CASE("a model type that needs no rules is no slip of the pen, however near another one is") {
  const Library library{std::filesystem::path(TENON_SOURCE_ROOT) / "rules"};
  const std::pair<const char*, const char*> known[] = {{"olmo", "OlmoForCausalLM"},
                                                       {"gemma3_text", "Gemma3ForCausalLM"},
                                                       {"gpt_neo", "GPTNeoForCausalLM"},
                                                       {"modernbert", "ModernBertForMaskedLM"},
                                                       {"bit", "BitModel"}};
  for (const auto& [type, architecture] : known) {
    INFO(type);
    CHECK(library.misspelt(type, architecture).empty());
  }
  CHECK(library.misspelt("qwen3_mo", "Qwen3MoForCausalLM") == "qwen3_moe");
  CHECK(library.misspelt("mixtrl", "MixtrlForCausalLM") == "mixtral");
}
