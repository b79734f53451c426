#include "rules/choose_rules.h"

#include <catch2/catch.hpp>

#include "rules_fixture.h"

using namespace tenon;

namespace {

std::string error_of(const RuleFolder& folder, const std::string& config) {
  Checkpoint checkpoint;
  checkpoint.directory = "ckpt";
  checkpoint.has_config = true;
  checkpoint.config = nlohmann::ordered_json::parse(config);
  try {
    choose_rules({.to = Layout::kOriginal}, checkpoint, folder.library());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the families that config.json names are the library's") {
  const RuleFolder folder;
  folder.add("models", "small", "applies_to: {model_type: [small]}\ntransforms: []\n");
  folder.add("fusions", "mine", "fusable: {modules: ['*']}\ntransforms: []\n");
  const std::string path = (folder.path() / "fusions/mine.yaml").string();
  CHECK(error_of(folder,
                 R"({"model_type": "small", "fusion_config": {"a": false, "b": true, "c\u001b": {}, ")" +
                     path + R"(": true}})") ==
        "ckpt/config.json: /fusion_config: error[family-unknown]: no fusion family of the library: b, c\\x1b "
        "and " +
            path + "\n  The library has mine. A family of your own: name its file with --fuse FILE.yaml.\n");
}
