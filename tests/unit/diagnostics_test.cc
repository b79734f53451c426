#include "base/diagnostics.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("a diagnostic renders with place, line, caret and hint") {
  const Diagnostic d{Severity::kError,
                     "unknown-key",
                     {"rules/x.yaml", 3, 5, {}, "", "    dmi: 0"},
                     "unknown key 'dmi'",
                     "Did you mean 'dim'?"};
  CHECK(render(d, false) ==
        "rules/x.yaml:3:5: error: unknown key 'dmi' [unknown-key]\n"
        "      dmi: 0\n"
        "      ^\n"
        "  Did you mean 'dim'?\n");
}

TEST_CASE("a place in a binary file names the byte and the tensor") {
  CHECK(to_string(Place{"a.safetensors", 0, 0, 17, "w", ""}) == "a.safetensors (byte 17): w");
}

TEST_CASE("a long line is shown around its column, tabs kept for the caret") {
  Diagnostic d{Severity::kError, "", {"f", 1, 500, {}, "", std::string(600, 'x')}, "m", ""};
  const std::string text = render(d, false);
  CHECK(text.size() < 260);
  d.place = {"f", 1, 3, {}, "", "\t\tx"};
  CHECK(render(d, false) == "f:1:3: error: m\n  \t\tx\n  \t\t^\n");
}

TEST_CASE("diagnostics throw all of themselves, and only with an error among them") {
  Diagnostics ds;
  ds.warning({"f", 0, 0, {}, "", ""}, "odd");
  CHECK_NOTHROW(ds.throw_if_errors());
  ds.error({"g", 0, 0, {}, "", ""}, "wrong");
  try {
    ds.throw_if_errors();
    FAIL("did not throw");
  } catch (const UserError& e) {
    CHECK(std::string(e.what()) == "f: warning: odd\ng: error: wrong\n");
  }
}

TEST_CASE("a system error names action, path and reason") {
  const SystemError e("write", "/x/y", ENOSPC, "Free 3 GB.");
  CHECK(std::string(e.what()) == "cannot write /x/y: No space left on device\n  Free 3 GB.");
  CHECK(e.error_number() == ENOSPC);
}
