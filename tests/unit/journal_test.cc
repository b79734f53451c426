#include "output/journal.h"

#include <catch2/catch.hpp>

#include "temporary_folder.h"

using namespace tenon;

namespace {

JournalHead head() {
  return {"0.1.0",
          "p1",
          {{"--hash", "xxh3"}, {"--size", "5GB"}},
          {{"a.safetensors", "12 bytes"}},
          {{"moe", "h"}}};
}

}  // namespace

TEST_CASE("a journal reads back, and grows") {
  const TemporaryFolder folder;
  const auto path = folder / "journal";
  CHECK_FALSE(read_journal(path));
  write_journal(path, {head(), {{"s1", {{"k", {"h", ""}}}, {}}}}, true);
  append_to_journal(path, {"s2", {{"k\n\"", {"h2", "s2"}}}, {{"source", {"", "h3"}}}}, false);
  const auto journal = read_journal(path);
  REQUIRE(journal);
  CHECK(journal->head == head());
  REQUIRE(journal->finished.size() == 2);
  CHECK(journal->finished[0].name == "s1");
  CHECK(journal->finished[1].outputs == std::map<std::string, TensorHash>{{"k\n\"", {"h2", "s2"}}});
  CHECK(journal->finished[1].sources == std::map<std::string, TensorHash>{{"source", {"", "h3"}}});
}

TEST_CASE("a line that was cut short is as if not written, a shard's later record counts") {
  const TemporaryFolder folder;
  const auto path = folder / "journal";
  write_journal(path, {head(), {}}, false);
  append_to_journal(path, {"s1", {{"k", {"old", ""}}}, {}}, false);
  append_to_journal(path, {"s2", {}, {}}, false);
  append_to_journal(path, {"s1", {{"k", {"new", ""}}}, {}}, false);
  const std::string text = read_file(path);
  for (std::size_t length = 0; length < text.size(); ++length) {
    write_file(path, text.substr(0, length));
    const auto journal = read_journal(path);
    const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length), '\n');
    CHECK(journal.has_value() == (lines > 0));
    if (journal)
      CHECK(journal->finished.size() == std::min<std::size_t>(2, static_cast<std::size_t>(lines) - 1));
  }
  write_file(path, text);
  CHECK(read_journal(path)->finished.back().outputs.at("k").xxh3 == "new");
}

TEST_CASE("a journal that says something else is none") {
  const TemporaryFolder folder;
  const auto path = folder / "journal";
  for (const char* text : {"", "\n", "{}\n", "[1]\n", "{\"tenon_journal\":2}\n", "{\"tenon_journal\":1}\n"}) {
    write_file(path, text);
    CHECK_FALSE(read_journal(path));
  }
}

TEST_CASE("what differs between two runs is named") {
  CHECK(differences(head(), head()).empty());
  JournalHead now = head();
  now.plan_hash = "p2";
  CHECK(differences(head(), now) ==
        std::vector<std::string>{"the plan (what the source's headers or config.json say)"});
  now.tenon_version = "0.2.0";
  now.options = {{"--hash", "sha256"}};
  now.rules = {{"moe", "h4"}};
  now.source = {{"a.safetensors", "13 bytes"}, {"b.safetensors", "1 bytes"}};
  CHECK(differences(head(), now) == std::vector<std::string>{
                                        "tenon (was 0.1.0, now 0.2.0)",
                                        "the source's a.safetensors (was 12 bytes, now 13 bytes)",
                                        "the source's b.safetensors (now 1 bytes)",
                                        "the option --hash (was xxh3, now sha256)",
                                        "the option --size (was 5GB)",
                                        "the rules moe (was h, now h4)",
                                    });
}
