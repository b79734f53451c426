#include "plan/edit_config.h"

#include <catch2/catch.hpp>

#include "checkpoint/config.h"
#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;

namespace {

Checkpoint with_config(const std::string& text) {
  Checkpoint out = checkpoint_of({});
  out.config_text = text;
  out.config = parse_config(text, "config.json");
  return out;
}

Plan edited(const Checkpoint& checkpoint, const std::vector<ConfigChange>& changes, Layout to) {
  RuleSet rules;
  rules.config_changes = changes;
  Plan plan;
  plan.to = to;
  Diagnostics diagnostics;
  edit_config(checkpoint, rules, plan, diagnostics);
  diagnostics.throw_if_errors();
  return plan;
}

// The text of config.json after it went to the fused layout, was changed by `meanwhile`, and came back.
template <typename Change>
std::string returned(const std::string& text, const std::vector<ConfigChange>& changes,
                     const Change& meanwhile) {
  const Plan there = edited(with_config(text), changes, Layout::kFused);
  std::string written = there.config_text.value_or(text);
  meanwhile(written);
  Checkpoint fused = with_config(written);
  fused.manifest.emplace();
  fused.manifest->config_edits = there.config_edits;
  fused.manifest->config_before = there.config_before;
  return edited(fused, changes, Layout::kOriginal).config_text.value_or(written);
}

const auto kNothing = [](std::string&) {};

}  // namespace

TEST_CASE("a key that was removed comes back in its place") {
  const std::string text = R"({"first": 1, "gone": [1.0, -0, 1e2], "last": 2})";
  CHECK(returned(text, {{"gone", std::nullopt}}, kNothing) == text);
}

TEST_CASE("a map that was empty before an edit filled it stays") {
  const std::string text = R"({ "fusion_config" : { } })";
  CHECK(returned(text, {{"fusion_config.qkv", true}}, kNothing) == text);
}

TEST_CASE("what somebody has changed since the conversion is kept") {
  const std::string text = R"({"dropout": 0, "gone": 3})";
  const auto change = [](std::string& config) { config.replace(config.find(" 0"), 2, " 0.5"); };
  CHECK(nlohmann::json::parse(returned(text, {{"gone", std::nullopt}, {"x.y", 1}}, change)) ==
        nlohmann::json{{"dropout", 0.5}, {"gone", 3}});
}

TEST_CASE("edits that make a config too deep to be read are refused") {
  nlohmann::ordered_json deep = 1;
  for (int i = 0; i < 99; ++i) deep = nlohmann::ordered_json::array({deep});
  CHECK_NOTHROW(edited(with_config("{}"), {{"a", deep}}, Layout::kFused));
  CHECK(error_of([&] {
          edited(with_config("{}"), {{"a.b", deep}}, Layout::kFused);
        })
            .find("config.json: error[config-unreadable]: could not be read again as it is edited: nested "
                  "deeper than") != std::string::npos);
}

TEST_CASE("a manifest's former config that is no config is not restored") {
  Checkpoint fused = with_config(R"({"a": 1})");
  fused.manifest.emplace();
  fused.manifest->config_edits = {{"a", std::nullopt, 1}};
  for (const char* before : {"", "[", "[]", R"({"a": 1, "a": 2})", R"({"b": 1})"}) {
    fused.manifest->config_before = before;
    CHECK(edited(fused, {}, Layout::kOriginal).config_text == "{}\n");
  }
}
