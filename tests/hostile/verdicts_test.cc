// Every file of cases/ gets the verdict that verdicts.tsv states.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "checkpoint/header.h"

using namespace tenon;

namespace {

const std::filesystem::path kFolder = HOSTILE_FOLDER;

// The message, or "" where the file is accepted.
std::string verdict_on(const std::filesystem::path& path) {
  Diagnostics warnings;
  try {
    read_header(path, warnings);
    return "";
  } catch (const UserError& error) {
    CHECK(error.diagnostics().size() == 1);
    return error.what();
  }
}

}  // namespace

TEST_CASE("every hostile file gets its verdict and one message that names it") {
  std::ifstream table(kFolder / "verdicts.tsv");
  std::string line;
  std::getline(table, line);
  int checked = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string name;
    std::string expected;
    std::getline(fields, name, '\t');
    std::getline(fields, expected, '\t');
    INFO(line);
    const std::string message = verdict_on(kFolder / "cases" / name);
    INFO(message);
    CHECK(message.empty() == (expected == "accept"));
    if (!message.empty()) CHECK(message.find(name) != std::string::npos);
    ++checked;
  }
  CHECK(checked == 102);
}
