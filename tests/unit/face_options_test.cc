// The options of the installed face come from the table: include/tenon/options.h, what src/face reads them
// by, and the signatures of the Python package. `TENON_WRITE_GENERATED=1 unit_tests '[generated]'`
// (tools/write-generated) writes them anew.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "options/options.h"

using namespace tenon;

namespace {

struct Spelled {
  std::string type;
  std::string fallback;
};

// How the table spells a member's type and default.
const std::map<std::string_view, Spelled>& spelled() {
  static const std::map<std::string_view, Spelled> all = {
#define TENON_OPTION(type, id, fallback, ...) {#id, {#type, #fallback}},
#define TENON_OPTION_AGAIN(id, ...)
#include "options/option_table.inc"
#undef TENON_OPTION
#undef TENON_OPTION_AGAIN
  };
  return all;
}

struct FaceStruct {
  const char* name;
  const char* command;
  const char* about;
};

constexpr FaceStruct kStructs[] = {
    {"ConvertOptions", "convert", "convert()"},
    {"PlanOptions", "plan", "Plan::make()"},
    {"InspectOptions", "inspect", "Checkpoint::open()"},
    {"DiffOptions", "diff", "diff()"},
    {"VerifyOptions", "verify", "verify()"},
    {"ParityOptions", "parity", "parity()"},
    {"LintOptions", "lint", "lint()"},
    {"BatchOptions", "batch", "batch()"},
    {"RulesListOptions", "rules list", "rule_library()"},
};

// What a program shows, and what functions of the face do by themselves, is not asked for by options.
bool is_of_the_face(const Option& option, std::string_view command) {
  if (option.group == Group::kReport || option.group == Group::kGeneral) return false;
  if (option.name == "dry_run") return command == "batch";
  return option.name != "check" && option.name != "allow_uncovered" && option.name != "update";
}

std::vector<const Option*> face_options(std::string_view command) {
  std::vector<const Option*> out = options_of(command);
  std::erase_if(out, [&](const Option* option) { return !is_of_the_face(*option, command); });
  return out;
}

std::string cpp_type(const Option& option) {
  const std::string& type = spelled().at(option.name).type;
  if (type.starts_with("std::optional<")) return "std::string";
  if (type == "std::vector<LayoutAssumption>") return "std::vector<std::string>";
  return type;
}

std::string cpp_default(const Option& option) {
  const auto& [type, fallback] = spelled().at(option.name);
  return fallback == "{}" || type.starts_with("std::optional<") ? "" : " = " + fallback;
}

// The words of the command line in those of an interface.
std::string about_of(const Option& option) {
  std::string about(option.about);
  for (const char* words : {"; may be repeated, order counts", "; may be repeated"}) {
    if (const auto at = about.find(words); at != std::string::npos)
      about.erase(at, std::string(words).size());
  }
  if (option.member.on_by_default)
    about = "Off: " + std::string(1, static_cast<char>(std::tolower(about[0]))) + about.substr(1);
  return about;
}

std::string options_header() {
  std::string out =
      "// The options of each task: those of the program, by the same names with underscores. Written by\n"
      "// tools/write-generated out of src/options/option_table.inc.\n"
      "#pragma once\n\n#include <cstdint>\n#include <string>\n#include <vector>\n\n#include "
      "\"tenon/version.h\"\n\n"
      "namespace tenon {\nTENON_INLINE namespace v0 {\n\n"
      "/// Which side of a rule list a checkpoint is on: as its publisher ships it, or as an optimised "
      "model\n/// "
      "wants it.\n"
      "enum class Layout { kOriginal, kFused };\n\n"
      "/// Which hashes of tensors are made. kSha256 is both, and that of the shards as well.\n"
      "enum class HashKind { kNone, kXxh3, kSha256 };\n";
  for (const FaceStruct& face : kStructs) {
    out += fmt::format("\n/// Of {}.\nstruct {} {{\n", face.about, face.name);
    for (const Option* option : face_options(face.command)) {
      out += fmt::format("  /// {}\n", about_of(*option));
      out += fmt::format("  {} {}{};\n", cpp_type(*option), option->name, cpp_default(*option));
    }
    out += "};\n";
  }
  out +=
      "\n/// Sets an option by its name, as a text; a list gets one element more. Throws UserError where "
      "there is\n"
      "/// no such option or the text is no value of it.\n";
  for (const FaceStruct& face : kStructs)
    out +=
        fmt::format("void set({}& options, const std::string& name, const std::string& value);\n", face.name);
  return out + "\n}  // namespace v0\n}  // namespace tenon\n";
}

std::string members_table() {
  std::string out = "// The members of include/tenon/options.h. Written by tools/write-generated.\n";
  for (const FaceStruct& face : kStructs) {
    out += fmt::format("TENON_STRUCT({}, \"{}\")\n", face.name, face.command);
    for (const Option* option : face_options(face.command))
      out += fmt::format("TENON_MEMBER({}, {})\n", face.name, option->name);
  }
  return out;
}

std::string python_type(const Option& option) {
  const std::string type = cpp_type(option);
  const auto choices = option.all_choices();
  if (!choices.empty()) {
    std::string out = "Literal[";
    for (const auto& choice : choices) out += fmt::format("{}\"{}\"", out.ends_with('[') ? "" : ", ", choice);
    return out + "]";
  }
  if (type == "bool") return "bool";
  if (option.name == "max_shard_size") return "str | int | None";
  if (option.name == "within") return "str | float | None";
  if (type == "std::string") return option.completes == Completes::kNothing ? "str" : "Path | None";
  if (type == "std::vector<std::string>")
    return option.name == "rules" ? "str | Path | Sequence[str | Path]" : "str | Sequence[str]";
  return "int";
}

std::string python_default(const Option& option) {
  const std::string type = cpp_type(option);
  const std::string& fallback = spelled().at(option.name).fallback;
  if (option.name == "max_shard_size" || option.name == "within") return "None";
  if (type == "bool") return fallback == "true" ? "True" : "False";
  if (type == "Layout") return "\"fused\"";
  if (type == "HashKind") return "\"xxh3\"";
  if (type == "std::vector<std::string>") return "()";
  if (type == "std::string") {
    if (fallback != "{}") return fallback;
    return option.completes == Completes::kNothing && option.choices.empty() ? "\"\"" : "None";
  }
  return fallback;
}

std::string python_options() {
  std::string out =
      "\"\"\"The options of each function: those of the program, by the same names with underscores.\n\n"
      "Written by tools/write-generated out of src/options/option_table.inc.\n\"\"\"\n\n"
      "from __future__ import annotations\n\nimport os\nfrom collections.abc import Sequence\n"
      "from typing import Literal, TypedDict\n\nPath = str | os.PathLike[str]\n";
  for (const FaceStruct& face : kStructs) {
    out += fmt::format("\n\nclass {}(TypedDict, total=False):\n", face.name);
    for (const Option* option : face_options(face.command)) {
      std::string type = python_type(*option);
      if (type.starts_with("Literal") && python_default(*option) == "None") type += " | None";
      out += fmt::format("    {}: {}\n    \"\"\"{} (default: {}).\"\"\"\n", option->name, type,
                         about_of(*option), python_default(*option));
    }
  }
  out += "\n\nDEFAULTS: dict[str, dict[str, object]] = {\n";
  for (const FaceStruct& face : kStructs) {
    out += fmt::format("    \"{}\": {{\n", face.command);
    for (const Option* option : face_options(face.command))
      out += fmt::format("        \"{}\": {},\n", option->name, python_default(*option));
    out += "    },\n";
  }
  out += "}\n\nABOUT: dict[str, dict[str, str]] = {\n";
  for (const FaceStruct& face : kStructs) {
    out += fmt::format("    \"{}\": {{\n", face.command);
    for (const Option* option : face_options(face.command))
      out += fmt::format("        \"{}\": \"{}\",\n", option->name, about_of(*option));
    out += "    },\n";
  }
  return out + "}\n";
}

std::string generated_path(const std::string& name) {
  return std::string(TENON_SOURCE_ROOT) + "/" + name;
}

void keep_generated(const std::string& name, const std::string& wanted) {
  if (std::getenv("TENON_WRITE_GENERATED") != nullptr)
    std::ofstream(generated_path(name), std::ios::binary) << wanted;
  std::ifstream in(generated_path(name), std::ios::binary);
  std::ostringstream there;
  there << in.rdbuf();
  INFO(name << " is not what the table says: run tools/write-generated");
  CHECK(there.str() == wanted);
}

}  // namespace

TEST_CASE("include/tenon/options.h has the options of the table", "[generated]") {
  keep_generated("include/tenon/options.h", options_header());
}

TEST_CASE("the face reads the options of the table", "[generated]") {
  keep_generated("src/face/option_members.inc", members_table());
}

TEST_CASE("the Python package has the options of the table", "[generated]") {
  keep_generated("python/tenon/_options.py", python_options());
}
