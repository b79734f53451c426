#include "face/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/text.h"
#include "face/inside.h"

namespace tenon {
namespace {

// What a struct of the face is, in the table: the command whose options it has.
template <typename Struct>
constexpr std::string_view kCommandOf = "";
#define TENON_STRUCT(type, command) \
  template <>                       \
  constexpr std::string_view kCommandOf<v0::type> = command;
#define TENON_MEMBER(type, name)
#include "face/option_members.inc"
#undef TENON_STRUCT
#undef TENON_MEMBER

// Calls visit(name, member) for every member.
#define TENON_STRUCT(type, command)
#define TENON_MEMBER(type, name) \
  if constexpr (std::is_same_v<Struct, v0::type>) visit(#name, &v0::type::name);
template <typename Struct, typename Visit>
void for_each_member(const Visit& visit) {
#include "face/option_members.inc"
}
#undef TENON_STRUCT
#undef TENON_MEMBER

const Option& row_of(std::string_view command, std::string_view name) {
  for (const Option* option : options_of(command)) {
    if (option->name == name) return *option;
  }
  std::vector<std::string> known;
  for (const Option* option : options_of(command)) known.emplace_back(option->name);
  throw UserError("args-unknown"_id, {std::string(command), 0, 0, {}, std::string(name), ""},
                  fmt::format("there is no option '{}'", name), did_you_mean(std::string(name), known));
}

std::vector<std::string> texts_in(const bool& value) {
  return {value ? "true" : "false"};
}
std::vector<std::string> texts_in(const std::string& value) {
  return value.empty() ? std::vector<std::string>{} : std::vector{value};
}
std::vector<std::string> texts_in(const std::vector<std::string>& value) {
  return value;
}
std::vector<std::string> texts_in(v0::Layout value) {
  return {std::string(name_of(static_cast<Layout>(value)))};
}
std::vector<std::string> texts_in(v0::HashKind value) {
  return {std::string(name_of(static_cast<HashKind>(value)))};
}
template <typename Number>
requires std::is_integral_v<Number> std::vector<std::string> texts_in(const Number& value) {
  return {std::to_string(value)};
}

void take_texts(const std::vector<std::string>& texts, std::string& out) {
  out = texts.empty() ? "" : texts.front();
}
void take_texts(const std::vector<std::string>& texts, std::vector<std::string>& out) {
  out = texts;
}
void take_texts(const std::vector<std::string>& texts, v0::Layout& out) {
  Layout layout{};
  read_value(texts.at(0), {}, layout);
  out = static_cast<v0::Layout>(layout);
}
void take_texts(const std::vector<std::string>& texts, v0::HashKind& out) {
  HashKind hash{};
  read_value(texts.at(0), {}, hash);
  out = static_cast<v0::HashKind>(hash);
}
template <typename Value>
requires std::is_integral_v<Value>
void take_texts(const std::vector<std::string>& texts, Value& out) {
  read_value(texts.empty() ? "false" : texts.front(), {}, out);
}

void read_row(const Option& row, Options& options, std::string_view command,
              const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const auto mistake = row.read(options, text);
    if (mistake)
      throw UserError("args-value"_id, {std::string(command), 0, 0, {}, std::string(row.name), ""},
                      mistake->message, mistake->hint);
  }
}

template <typename Struct>
Options options_of_face(const Struct& from) {
  Options out;
  for_each_member<Struct>([&](const char* name, auto member) {
    read_row(row_of(kCommandOf<Struct>, name), out, kCommandOf<Struct>, texts_in(from.*member));
  });
  return out;
}

template <typename Struct>
void set_by_name(Struct& options, const std::string& name, const std::string& value) {
  face::outside([&] {
    bool found = false;
    for_each_member<Struct>([&](const char* member_name, auto member) {
      if (name != member_name) return;
      found = true;
      Options inner = options_of_face(options);
      const Option& row = row_of(kCommandOf<Struct>, name);
      read_row(row, inner, kCommandOf<Struct>, {value});
      take_texts(row.member.texts(inner), options.*member);
    });
    if (found) return;
    std::vector<std::string> known;
    for_each_member<Struct>([&](const char* member_name, auto) { known.emplace_back(member_name); });
    throw UserError("args-unknown"_id, {std::string(kCommandOf<Struct>), 0, 0, {}, name, ""},
                    fmt::format("there is no option '{}'", name), did_you_mean(name, known));
  });
}

}  // namespace

#define TENON_STRUCT(type, command)                                                    \
  Options face::inner(const v0::type& options) {                                       \
    return options_of_face(options);                                                   \
  }                                                                                    \
  void v0::set(v0::type& options, const std::string& name, const std::string& value) { \
    set_by_name(options, name, value);                                                 \
  }
#define TENON_MEMBER(type, name)
#include "face/option_members.inc"
#undef TENON_STRUCT
#undef TENON_MEMBER

}  // namespace tenon
