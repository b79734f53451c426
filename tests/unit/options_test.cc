#include "options/options.h"

#include <catch2/catch.hpp>
#include <set>

#include "cli/commands.h"
#include "options/records.h"

using namespace tenon;

namespace {

void add_names(const std::vector<Command>& commands, std::set<std::string>& names) {
  for (const Command& command : commands) {
    names.insert(command.name);
    add_names(command.commands, names);
  }
}

// A value that is not the default one.
std::string another_value(const Option& option) {
  if (option.member.arity == Arity::kFlag) return option.member.on_by_default ? "false" : "true";
  const auto now = option.member.texts({});
  for (const auto& choice : option.all_choices()) {
    if (now.empty() || choice != now.front()) return std::string(choice);
  }
  for (const char* text : {"7", "7GB", "0.25", "*.w=fused", "some"}) {
    Options options;
    if (!option.read(options, text) && !option.member.is_default(options)) return text;
  }
  return "";
}

}  // namespace

TEST_CASE("every row of the table belongs to commands that there are, and says what it is") {
  std::set<std::string> names = {"job", "*", "tenon"};
  add_names(all_commands(), names);
  for (const Option& option : all_options()) {
    INFO(option.flag());
    CHECK_FALSE(option.about.empty());
    CHECK(option.value.empty() == (option.member.arity == Arity::kFlag));
    std::string_view rest = option.commands;
    CHECK_FALSE(rest.empty());
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      CHECK(names.contains(std::string(rest.substr(0, end))));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

TEST_CASE("no command has two rows of one name or letter") {
  std::set<std::string> names = {"job", "tenon"};
  add_names(all_commands(), names);
  for (const std::string& command : names) {
    std::set<std::string_view> seen;
    for (const Option* option : options_of(command)) {
      INFO(command << " " << option->flag());
      CHECK(seen.insert(option->name).second);
      if (!option->letter.empty()) CHECK(seen.insert(option->letter).second);
    }
  }
}

TEST_CASE("every value is written as it is read") {
  for (const Option& option : all_options()) {
    INFO(option.flag());
    const std::string text = another_value(option);
    Options options;
    REQUIRE_FALSE(option.read(options, text));
    CHECK_FALSE(option.member.is_default(options));
    CHECK(option.member.texts(options) == std::vector<std::string>{text});
    Options copy;
    option.member.copy(options, copy);
    CHECK(option.member.texts(copy) == std::vector<std::string>{text});
  }
}

TEST_CASE("a bound is a power of two or a decimal, and what is said of one is enough") {
  std::optional<RelativeBound> bound;
  REQUIRE_FALSE(read_value("2^-8", {}, bound));
  CHECK(bound->value == 0x1p-8);
  REQUIRE_FALSE(read_value("0.004", {}, bound));
  CHECK(bound->value == 0.004);
  for (const char* text :
       {"", "0", "1", "2", "-0.5", "2^-0", "2^-9999", "2^8", "2^-", "0.5x", "nan", "much"}) {
    INFO(text);
    CHECK(read_value(text, {}, bound));
  }
  CHECK(to_string(RelativeBound{0x1p-8}) == "2^-8");
  for (const double value : {0.0667, 0.06671, 0.004, 0.9, 1e-7, 0.12345}) {
    REQUIRE_FALSE(read_value(to_string(RelativeBound{value}), {}, bound));
    CHECK(bound->value >= value);
    CHECK(bound->value < 1.01 * value);
  }
}

TEST_CASE("the journal has what changes the bytes, spelled as it always was") {
  CHECK(options_for_journal({}) == std::map<std::string, std::string>{{"--hash", "xxh3"}, {"--to", "fused"}});
  Options options;
  for (const Option& option : all_options()) option.read(options, another_value(option));
  options.fuse = {"a", "b"};
  const auto journal = options_for_journal(options);
  CHECK(journal.at("--fuse") == "a,b");
  for (const char* flag : {"--hash", "--to", "--max-shard-size", "--assume-used", "--assume-layout"})
    CHECK(journal.contains(flag));
  for (const char* flag : {"--rules", "--one-way", "--threads", "--verify", "--resume", "--no-sync"})
    CHECK_FALSE(journal.contains(flag));
}

TEST_CASE("what is recorded is taken up again, unless it is given anew; permissions are granted") {
  Options recorded;
  recorded.max_shard_size = parse_byte_size("3MB");
  recorded.assume_used = {"recorded"};
  recorded.threads = 9;
  Options given;
  given.assume_used = {"given"};
  take_recorded(recorded, given);
  CHECK(given.max_shard_size->text == "3MB");
  CHECK(given.assume_used == std::vector<std::string>{"given"});
  CHECK(given.threads == 0);
  CHECK(given.one_way);
}
