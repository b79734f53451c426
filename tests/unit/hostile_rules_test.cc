// Rule files that try to take memory, time or the reader's trust. Each is refused with its place.
#include <fmt/format.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "rules/key_rewriter.h"
#include "rules/parse_rules.h"
#include "temporary_folder.h"

using namespace tenon;

namespace {

const std::string kHead = "tenon: 1\nname: x\nabout: A test.\n";

std::string message_of(const std::string& text) {
  Diagnostics diagnostics;
  parse_rules(text, "r.yaml", diagnostics);
  std::string out;
  for (const auto& d : diagnostics.all()) out += render(d, false);
  return out;
}

bool says(const std::string& text, const std::string& message) {
  const std::string said = message_of(text);
  INFO(said.substr(0, 1000));
  CHECK(said.size() < 5000);
  return said.find(message) != std::string::npos;
}

std::string renaming(const std::string& source, const std::string& target) {
  return kHead +
         fmt::format("transforms:\n  - WeightRenaming: {{source_patterns: '{}', target_patterns: '{}'}}\n",
                     source, target);
}

std::string key_made(const std::string& source, const std::string& target, const std::string& key,
                     int times = 1) {
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(renaming(source, target), "r.yaml", diagnostics);
  diagnostics.throw_if_errors();
  std::string out = key;
  try {
    for (int i = 0; i < times; ++i) out = KeyRewriter(file.transforms.front()).apply(out).value().key;
    return out;
  } catch (const UserError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("aliases that multiply are refused before they are written out") {
  std::string text = kHead + "modules:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string inner = fmt::format("*a{0}, *a{0}, *a{0}, *a{0}, *a{0}", i - 1);
    text += fmt::format("  - &a{} [{}, {}]\n", i, inner, inner);
  }
  CHECK(says(text, "error[yaml-limit]: aliases make this file too large"));
}

TEST_CASE("an alias of what it stands in is refused") {
  CHECK(says(kHead + "modules: &a [*a]\n", "r.yaml:4:10: error[yaml-limit]: nested deeper than 40 levels"));
}

TEST_CASE("deep nesting is refused, in flow style and in block style") {
  CHECK(says(kHead + "modules: " + std::string(60, '[') + std::string(60, ']'),
             "nested deeper than 40 levels"));
  CHECK(says(kHead + "modules: " + std::string(100'000, '['), "r.yaml:4:"));
  std::string block = kHead + "modules:\n";
  for (int i = 1; i < 3000; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "- \n";
  CHECK(says(block, "r.yaml:"));
}

TEST_CASE("a value of a megabyte and a file of many are refused") {
  CHECK(says(kHead + "origin: " + std::string(1'000'000, 'x') + "\n",
             "r.yaml:4:9: error[yaml-limit]: a value of 1.00 MB"));
  CHECK(says(std::string(5'000'000, '\n'),
             "r.yaml: error[yaml-limit]: 5.00 MB is larger than any rule or job file should be"));
}

TEST_CASE("what is no UTF-8 is refused, as text and before it can reach a key") {
  CHECK(message_of(kHead + "origin: \xFF\n") ==
        "r.yaml (byte 40): error[yaml-malformed]: not UTF-8\n  Save the file as UTF-8.\n");
  CHECK(says(kHead + "origin: \"\\ud800\"\n", "r.yaml:4:"));
  CHECK(message_of(kHead + "origin: \xC3\xA9\n").empty());
}

TEST_CASE("a key twice, an unknown key and a document of another kind are refused with their places") {
  CHECK(says(kHead + "name: y\n", "r.yaml:4:1: error[yaml-duplicate-key]: the key 'name' stands here twice"));
  CHECK(says(kHead + "transform: []\n",
             "r.yaml:4:1: error[yaml-unknown-key]: unknown key 'transform' in a rule file"));
  CHECK(says("[1, 2]", "r.yaml: error[rules-malformed]: a rule file is a map of keys"));
  CHECK(says("", "r.yaml: error[rules-malformed]: a rule file is a map of keys"));
  CHECK(says("a: [", "r.yaml:1:"));
}

TEST_CASE("a pattern that backtracks without end is named, quickly") {
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = key_made("(a+)+$", "b", std::string(200, 'a') + "!");
  CHECK(message.find("r.yaml:5:") == 0);
  CHECK(message.find("pattern '(a+)+$' needs more than 100000 steps on the key 'aaa") != std::string::npos);
  CHECK(message.find("write it without them") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}

TEST_CASE("a rule file that is no regular file, is empty or has no end is refused") {
  const TemporaryFolder folder;
  const auto refusal = [](const std::string& path) {
    Diagnostics diagnostics;
    try {
      read_rule_file(path, diagnostics);
      diagnostics.throw_if_errors();
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refusal((folder / "pipe").string()).find("pipe: error[file-not-regular]: not a regular file") !=
        std::string::npos);
  CHECK(refusal("/dev/zero").find("not a regular file") != std::string::npos);
  write_file(folder / "empty.yaml", "");
  CHECK(refusal((folder / "empty.yaml").string()).find("a rule file is a map of keys") != std::string::npos);
  std::filesystem::resize_file(folder / "empty.yaml", std::uintmax_t{1} << 40);
  CHECK(refusal((folder / "empty.yaml").string()).find("at most 4.19 MB are read") != std::string::npos);
}

TEST_CASE("keys do not grow without bound") {
  CHECK(key_made("(.+)", R"(\1\1)", "ab") == "abab");
  CHECK(key_made("(.+)", R"(\1\1)", "ab", 40).find("makes a key longer than 65536 bytes") !=
        std::string::npos);
  const std::string longer(100'000, 'k');
  CHECK(key_made("^k", "", longer) == longer.substr(1));
}

TEST_CASE("more groups than can be told apart are refused") {
  std::string groups;
  for (int i = 0; i < 130; ++i) groups += "(a)?";
  CHECK(key_made(groups + "x", "y", "x").find("more than 127 groups together") != std::string::npos);
}
