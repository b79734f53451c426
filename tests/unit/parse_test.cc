#include "cli/parse.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

Options ran_with_options;

Verdict note_options(const Options& options, Console&) {
  ran_with_options = options;
  return Verdict::kFound;
}

std::vector<Command> three_commands() {
  return {{.name = "convert",
           .about = "Converts",
           .examples = "  tenon convert a b",
           .arguments = {{"SRC", "From", member_of<&Options::source>()},
                         {"DST", "To", member_of<&Options::destination>()}},
           .run = note_options},
          {.name = "plan",
           .about = "Plans",
           .arguments = {{"SRC", "From", member_of<&Options::source>()}},
           .run = note_options},
          {.name = "rules",
           .about = "Rules",
           .commands = {{.name = "rules list", .about = "Lists", .run = note_options},
                        {.name = "rules show",
                         .about = "Shows",
                         .arguments = {{"NAME", "Which", member_of<&Options::file>()}},
                         .run = note_options}}}};
}

Action parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "tenon");
  return parse_command_line(static_cast<int>(words.size()), words.data(), three_commands());
}

std::string mistake(const std::vector<const char*>& words) {
  Console console(stdout, stderr);
  try {
    parsed(words)(console);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

Options options_after(const std::vector<const char*>& words) {
  Console console(stdout, stderr);
  ran_with_options = {};
  CHECK(parsed(words)(console) == Verdict::kFound);
  return ran_with_options;
}

}  // namespace

TEST_CASE("options and arguments reach the command that was named") {
  const Options options =
      options_after({"convert", "a", "--threads", "7", "b", "--rules", "x", "--rules=y", "--no-sync", "--to",
                     "original", "--max-shard-size", "2GiB", "--assume-layout", "*.w=fused"});
  CHECK(options.source == "a");
  CHECK(options.destination == "b");
  CHECK(options.threads == 7);
  CHECK(options.rules == std::vector<std::string>{"x", "y"});
  CHECK_FALSE(options.sync);
  CHECK(options.to == Layout::kOriginal);
  CHECK(options.max_shard_size == ByteSize{"2GiB", 2ULL << 30});
  CHECK(options.assume_layout == std::vector<LayoutAssumption>{{"*.w", true}});
  CHECK(options_after({"rules", "show", "mixtral"}).file == "mixtral");
}

TEST_CASE("a word like a command's is an argument behind a command") {
  CHECK(options_after({"plan", "convert"}).source == "convert");
  CHECK(options_after({"convert", "plan", "rules"}).destination == "rules");
  CHECK(options_after({"rules", "show", "list"}).file == "list");
}

TEST_CASE("an option of the program is taken before and after the command") {
  CHECK(options_after({"-q", "convert", "a", "b"}).quiet);
  CHECK(options_after({"convert", "a", "b", "--quiet"}).quiet);
  CHECK_FALSE(options_after({"convert", "a", "b"}).quiet);
}

TEST_CASE("mistakes on the command line have one form: command, option, what, and where the help is") {
  CHECK(mistake({"convrt"}) ==
        "tenon: error[args-unknown]: unknown command 'convrt'\n"
        "  Did you mean 'convert'? 'tenon --help' shows what it takes.\n");
  CHECK(mistake({"convert", "--thread=3"}) ==
        "tenon convert: error[args-unknown]: unknown option '--thread=3'\n"
        "  Did you mean '--threads'? 'tenon convert --help' shows what it takes.\n");
  CHECK(mistake({"convert", "a", "b", "c"}) ==
        "tenon convert: error[args-unknown]: unexpected argument 'c'\n"
        "  'tenon convert --help' shows what it takes.\n");
  CHECK(mistake({"convert", "a"}) ==
        "tenon convert: DST: error[args-missing]: is missing\n"
        "  Usage: tenon convert [OPTIONS] SRC DST\n");
  CHECK(mistake({"convert", "a", "b", "--to"}) ==
        "tenon convert: --to: error[args-malformed]: needs a value: LAYOUT\n"
        "  'tenon convert --help' shows what it takes.\n");
  CHECK(mistake({"convert", "a", "b", "--to", "fused", "--to", "fused"}) ==
        "tenon convert: --to: error[args-value]: is given 2 times\n"
        "  It has one value.\n");
  CHECK(mistake({"convert", "a", "b", "--verify=yes"}) ==
        "tenon convert: --verify: error[args-value]: takes no value\n"
        "  It stands alone.\n");
  CHECK(mistake({"plan", "a", "--json", "--golden"}) ==
        "tenon plan: --golden: error[args-malformed]: does not go with --json\n"
        "  Leave one of them out.\n");
  CHECK(mistake({"rules", "lst"}) ==
        "tenon rules: error[args-unknown]: unknown command 'lst'\n"
        "  Did you mean 'list'? 'tenon rules --help' shows what it takes.\n");
}

TEST_CASE("all values that an option does not take are reported at once") {
  CHECK(mistake({"convert", "a", "b", "--threads", "-1", "--to", "fusd", "--max-shard-size", "lots",
                 "--assume-layout", "w"}) ==
        "tenon convert: --to: error[args-value]: 'fusd' is none of its values\n"
        "  They are original and fused.\n"
        "tenon convert: --max-shard-size: error[args-value]: 'lots' is no size\n"
        "  Write a number and a unit without a space: 5GB, 500MB, 2GiB.\n"
        "tenon convert: --assume-layout: error[args-value]: 'w' does not say a glob and a layout\n"
        "  Write GLOB=original or GLOB=fused, such as 'model.layers.*.mlp.experts.down_proj=original'.\n"
        "tenon convert: --threads: error[args-value]: '-1' is no number that it takes\n"
        "  A whole number from 0 to 1024.\n");
}

TEST_CASE("words of other programs are answered in words, far ones with no guess") {
  CHECK(mistake({"convert", "a", "-o", "b"}).find("The destination is the second argument") !=
        std::string::npos);
  CHECK(mistake({"convert", "a", "b", "--force"}).find("--overwrite replaces") != std::string::npos);
  CHECK(mistake({"man2"}).find("Did you mean") == std::string::npos);
  CHECK(mistake({"help", "convrt"}) ==
        "tenon help: error[args-unknown]: unknown command 'convrt'\n"
        "  Did you mean 'convert'?\n");
}

TEST_CASE("no option's parser says anything of its library's") {
  for (const Option& option : all_options()) {
    if (!option.belongs_to("convert") || option.name == "help") continue;
    const std::string flag = option.flag();
    for (const auto& words :
         {std::vector<const char*>{"convert", "a", "b", flag.c_str()},
          std::vector<const char*>{"convert", "a", "b", flag.c_str(), "\x01", flag.c_str(), "--"},
          std::vector<const char*>{"convert", "a", "b", flag.c_str(), "x", "y"}}) {
      const std::string said = mistake(words);
      for (const char* word : {"required", "TEXT", "INT", "UINT", "not in range", "allowed"})
        CHECK(said.find(word) == std::string::npos);
      if (!said.empty()) CHECK(said.starts_with("tenon convert"));
    }
  }
}
