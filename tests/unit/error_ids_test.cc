#include "base/error_ids.h"

#include <catch2/catch.hpp>
#include <cctype>
#include <set>

#include "report/error_report.h"

using namespace tenon;

namespace {

bool is_kebab(std::string_view id) {
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = id[i] == '-';
    if (!dash && std::islower(static_cast<unsigned char>(id[i])) == 0 &&
        std::isdigit(static_cast<unsigned char>(id[i])) == 0)
      return false;
    if (dash && (i == 0 || i + 1 == id.size() || id[i + 1] == '-')) return false;
  }
  return !id.empty();
}

}  // namespace

TEST_CASE("every row of the table of errors is complete") {
  std::set<std::string_view> ids;
  for (const auto& entry : error_table()) {
    INFO(entry.id);
    CHECK(is_kebab(entry.id));
    CHECK(ids.insert(entry.id).second);
    CHECK(entry.about.ends_with('.'));
    CHECK_FALSE(entry.remedy.empty());
    // An example is a message of this id, of one of the three kinds, that says something.
    const std::string bearing = "[" + std::string(entry.id) + "]: ";
    const std::size_t at = entry.example.find(bearing);
    REQUIRE(at != std::string_view::npos);
    CHECK(entry.example.size() > at + bearing.size());
    const std::string_view before = entry.example.substr(0, at);
    CHECK((before.ends_with("error") || before.ends_with("warning") || before.ends_with("note")));
    CHECK(find_error(entry.id) == &entry);
    CHECK(error_text(entry).find(entry.remedy) != std::string::npos);
    CHECK(errors_page().find("### " + std::string(entry.id) + "\n") != std::string::npos);
    CHECK(error_list().find("  " + std::string(entry.id) + " ") != std::string::npos);
  }
  CHECK(ids.size() > 100);
  CHECK(find_error("plan-key-los") == nullptr);
}
