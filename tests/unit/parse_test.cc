#include "cli/parse.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

int ran_with = 0;

std::vector<Command> two_commands() {
  const auto declare = [](CLI::App& app) -> Action {
    auto threads = std::make_shared<int>(0);
    app.add_option("--threads", *threads, "How many")->check(CLI::Range(1, 64));
    return [threads](Console&) {
      ran_with = *threads;
      return Verdict::kFound;
    };
  };
  return {{"convert", "Converts", "Examples:\n  tenon convert a b", declare},
          {"inspect", "Shows", "", declare}};
}

std::string mistake(std::vector<const char*> words) {
  words.insert(words.begin(), "tenon");
  try {
    parse_command_line(static_cast<int>(words.size()), words.data(), two_commands());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("flags reach the command that was named") {
  const std::vector<const char*> words = {"tenon", "inspect", "--threads", "7"};
  const Action action = parse_command_line(4, words.data(), two_commands());
  Console console(stdout, stderr);
  CHECK(action(console) == Verdict::kFound);
  CHECK(ran_with == 7);
}

TEST_CASE("mistakes on the command line name the word, guess, and say where the help is") {
  CHECK(mistake({"convrt"}) ==
        "tenon: error: unknown command 'convrt'\n"
        "  Did you mean 'convert'? 'tenon --help' shows what it takes.\n");
  CHECK(mistake({"convert", "--thread=3"}) ==
        "tenon convert: error: unknown option '--thread=3'\n"
        "  Did you mean '--threads'? 'tenon convert --help' shows what it takes.\n");
  CHECK(mistake({"convert", "a"}) ==
        "tenon convert: error: unexpected argument 'a'\n"
        "  'tenon convert --help' shows what it takes.\n");
  CHECK(mistake({"convert", "--threads", "0"}).find("--threads") != std::string::npos);
  CHECK(mistake({}) ==
        "error: which command? convert and inspect\n"
        "  'tenon --help' shows what it takes.\n");
}
