#include "base/diagnostics.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("a diagnostic renders with place, line, caret and hint") {
  const Diagnostic d{Severity::kError,
                     "yaml-unknown-key"_id,
                     {"rules/x.yaml", 3, 5, {}, "", "    dmi: 0"},
                     "unknown key 'dmi'",
                     "Did you mean 'dim'?"};
  CHECK(render(d, false) ==
        "rules/x.yaml:3:5: error[yaml-unknown-key]: unknown key 'dmi'\n"
        "      dmi: 0\n"
        "      ^\n"
        "  Did you mean 'dim'?\n");
}

TEST_CASE("a place in a binary file names the byte and the tensor") {
  CHECK(to_string(Place{"a.safetensors", 0, 0, 17, "w", ""}) == "a.safetensors (byte 17): w");
}

TEST_CASE("a long line is shown around its column, tabs kept for the caret") {
  Diagnostic d{Severity::kError, "tenon-bug"_id, {"f", 1, 500, {}, "", std::string(600, 'x')}, "m", ""};
  const std::string text = render(d, false);
  CHECK(text.size() < 260);
  d.place = {"f", 1, 3, {}, "", "\t\tx"};
  CHECK(render(d, false) == "f:1:3: error[tenon-bug]: m\n  \t\tx\n  \t\t^\n");
}

TEST_CASE("diagnostics throw all of themselves, and only with an error among them") {
  Diagnostics ds;
  ds.warning("header-long"_id, {"f", 0, 0, {}, "", ""}, "odd");
  CHECK_NOTHROW(ds.throw_if_errors());
  ds.error("tenon-bug"_id, {"g", 0, 0, {}, "", ""}, "wrong");
  try {
    ds.throw_if_errors();
    FAIL("did not throw");
  } catch (const UserError& e) {
    CHECK(std::string(e.what()) == "f: warning[header-long]: odd\ng: error[tenon-bug]: wrong\n");
  }
}

TEST_CASE("what has one cause is one message") {
  Diagnostics ds;
  const auto add = [&](const char* cause, const std::string& key) {
    ds.add_once(cause,
                {Severity::kError, "key-gap"_id, {"", 0, 0, {}, key, ""}, "a gap: " + key, "Mend it."});
  };
  add("a#1", "layers.0");
  CHECK(render(ds.all().front(), false) == "layers.0: error[key-gap]: a gap: layers.0\n  Mend it.\n");
  add("a#1", "layers.0");  // the same key once more is no other place
  add("a#1", "layers.1");
  CHECK(render(ds.all().front(), false) ==
        "layers.0: error[key-gap]: a gap: layers.0\n  and 1 more: layers.1\n  Mend it.\n");
  for (int i = 2; i < 48; ++i) add("a#1", "layers." + std::to_string(i));
  CHECK(render(ds.all().front(), false) ==
        "layers.0: error[key-gap]: a gap: layers.0\n  and 47 more, from layers.1 to layers.47\n  Mend it.\n");
  add("a#2", "layers.0");  // another cause
  ds.add_once("a#1", {Severity::kError, "key-count"_id, {"", 0, 0, {}, "layers.0", ""}, "a count", ""});
  CHECK(ds.all().size() == 3);
  CHECK(ds.is_repeat("key-count"_id, "a#1", "layers.1"));
  CHECK_FALSE(ds.is_repeat("key-count"_id, "a#2", "layers.1"));
  CHECK(ds.all().back().more.count == 1);
}

TEST_CASE("a system error names action, path and reason") {
  const SystemError e("write", "/x/y", ENOSPC, "Free 3 GB.");
  CHECK(std::string(e.what()) == "cannot write /x/y: No space left on device\n  Free 3 GB.");
  CHECK(e.error_number() == ENOSPC);
  CHECK(e.id() == "system-disk-full"_id);
}
