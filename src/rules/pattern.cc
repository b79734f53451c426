// Python's `re` and PCRE2 agree on everything that rule lists use (look-around, groups, classes, lazy
// quantifiers), so a pattern goes to PCRE2 as it is. The alternatives of a transform become one alternation
// of named groups: the leftmost match wins, and at one place the first alternative, which is what makes the
// order of `source_patterns` matter.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/pattern.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <array>
#include <cctype>

#include "checkpoint/json_text.h"

namespace tenon {

namespace {
bool in_a_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
}  // namespace

bool ends_in_number(std::string_view source) {
  if (source.ends_with('$')) source.remove_suffix(1);
  return source.size() > 1 && source.ends_with('*') && in_a_word(source[source.size() - 2]) &&
         (source.size() < 3 || source[source.size() - 3] != '\\');
}

namespace {

// Backtracking steps that a match may take. Real rules need tens; a pattern that needs more than this on one
// key would stall a plan of 150,000 keys.
constexpr std::uint32_t kMatchLimit = 100'000;
constexpr std::uint32_t kHeapLimitKiB = 1024;
constexpr std::uint32_t kMaxGroups = 128;  // of all alternatives, with the whole match

std::string replace_all(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(what, from)) != std::string_view::npos; from = at + what.size()) {
    out.append(text, from, at - from);
    out += with;
  }
  out.append(text, from);
  return out;
}

// A pattern as a regular expression; with its stars as groups named tenon_star0, tenon_star1, ...
std::string regex_of(std::string_view source, bool named_stars) {
  std::string out;
  int stars = 0;
  const auto star = [&](const char* what) {
    return named_stars ? fmt::format("(?P<tenon_star{}>{})", stars++, what) : std::string(what);
  };
  const bool number = ends_in_number(source);
  if (number) source = source.substr(0, source.rfind('*'));
  std::size_t from = 0;
  for (std::size_t at; (at = source.find("*.", from)) != std::string_view::npos; from = at + 2) {
    out.append(source, from, at - from);
    out += star(".*") + "\\.";
  }
  out.append(source, from);
  if (number) out += star("[0-9]+") + "$";
  return out;
}

bool has_stars(std::string_view source) {
  return source.find("*.") != std::string_view::npos || ends_in_number(source);
}

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using CodePtr = std::unique_ptr<pcre2_code, CodeFree>;

struct CompileError {
  std::string message;
  std::size_t offset = 0;
};

CodePtr compile(const std::string& regex, CompileError& error) {
  int number = 0;
  PCRE2_SIZE offset = 0;
  CodePtr code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                             PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &offset, nullptr));
  if (!code) {
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(number, text.data(), text.size());
    error = {reinterpret_cast<const char*>(text.data()), offset};
    return nullptr;
  }
  pcre2_jit_compile(code.get(),
                    PCRE2_JIT_COMPLETE);  // without JIT support the interpreter does the same, slower
  return code;
}

std::uint32_t capture_count(const pcre2_code* code) {
  std::uint32_t count = 0;
  pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &count);
  return count;
}

// The number of groups that are set, or a negative number where nothing matches. Throws UserError naming the
// patterns where the limit is reached.
int match_within_limits(const pcre2_code* code, std::string_view text, pcre2_match_data* data,
                        const std::vector<std::string>& sources, const Place& place) {
  static thread_local const std::unique_ptr<pcre2_match_context, ContextFree> context = [] {
    std::unique_ptr<pcre2_match_context, ContextFree> made(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(made.get(), kMatchLimit);
    pcre2_set_heap_limit(made.get(), kHeapLimitKiB);
    return made;
  }();
  const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                PCRE2_NO_UTF_CHECK, data, context.get());
  if (found >= 0 || found == PCRE2_ERROR_NOMATCH) return found;
  throw UserError("endless-pattern"_id, place,
                  fmt::format("pattern '{}' needs more than {} steps on the key '{}'",
                              shown(fmt::format("{}", fmt::join(sources, "|"))), kMatchLimit, shown(text)),
                  "It backtracks without end, as nested quantifiers like (a+)+ do: write it without them.");
}

}  // namespace

struct Pattern::Code {
  CodePtr all;
  std::vector<CodePtr> with_stars;          // per alternative: its `*` captured
  std::vector<std::uint32_t> group_number;  // of the group that is alternative i
  std::vector<std::uint32_t> groups_inside;
};

Pattern::Pattern(std::vector<std::string> sources, Place place)
    : sources_(std::move(sources)), place_(std::move(place)) {
  auto code = std::make_shared<Code>();
  std::string all;
  std::uint32_t next_group = 1;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::string regex = regex_of(sources_[i], false);
    CompileError error;
    const CodePtr alone = compile(regex, error);
    if (!alone) {
      throw UserError("bad-pattern"_id, place_,
                      fmt::format("pattern '{}' does not compile: {} at character {}", sources_[i],
                                  error.message, error.offset + 1));
    }
    code->group_number.push_back(next_group);
    code->groups_inside.push_back(capture_count(alone.get()));
    next_group += 1 + code->groups_inside.back();
    if (next_group > kMaxGroups) {
      throw UserError("bad-pattern"_id, place_,
                      fmt::format("the source patterns have more than {} groups together", kMaxGroups - 1),
                      "Write groups that nothing refers to as (?:...), or divide the transform.");
    }
    if (i > 0) all += '|';
    all += fmt::format("(?P<g{}>{})", i, regex);
    code->with_stars.push_back(
        has_stars(sources_[i]) ? compile(fmt::format("(?P<tenon_all>{})", regex_of(sources_[i], true)), error)
                               : nullptr);
  }
  CompileError error;
  code->all = compile(all, error);
  if (!code->all) {
    throw UserError("bad-pattern"_id, place_,
                    fmt::format("patterns '{}' do not compile together: {}", all, error.message));
  }
  code_ = std::move(code);
}

std::optional<PatternMatch> Pattern::search(std::string_view text) const {
  // One match block a thread: a search allocates nothing but the group it returns.
  static thread_local const std::unique_ptr<pcre2_match_data, MatchDataFree> data(
      pcre2_match_data_create(kMaxGroups, nullptr));
  const int found = match_within_limits(code_->all.get(), text, data.get(), sources_, place_);
  if (found < 0) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
  const auto count = static_cast<std::uint32_t>(found);
  PatternMatch match{0, ends[0], ends[1], std::nullopt};
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::uint32_t group = code_->group_number[i];
    if (group >= count || ends[2 * group] == PCRE2_UNSET) continue;
    match.alternative = static_cast<int>(i);
    const std::uint32_t inner = group + 1;
    if (code_->groups_inside[i] > 0 && inner < count && ends[2 * inner] != PCRE2_UNSET) {
      match.group = std::string(text.substr(ends[2 * inner], ends[2 * inner + 1] - ends[2 * inner]));
    }
    break;
  }
  return match;
}

std::vector<Pattern::Star> Pattern::stars(int alternative, std::string_view text) const {
  const auto& code = code_->with_stars[static_cast<std::size_t>(alternative)];
  if (!code) return {};
  const std::unique_ptr<pcre2_match_data, MatchDataFree> data(
      pcre2_match_data_create_from_pattern(code.get(), nullptr));
  const int found = match_within_limits(code.get(), text, data.get(), sources_, place_);
  if (found < 0) return {};
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
  std::vector<Star> out;
  for (int i = 0;; ++i) {
    const std::string name = fmt::format("tenon_star{}", i);
    const int group =
        pcre2_substring_number_from_name(code.get(), reinterpret_cast<PCRE2_SPTR>(name.c_str()));
    if (group < 0) return out;
    const auto at = 2 * static_cast<std::size_t>(group);
    if (group >= found || ends[at] == PCRE2_UNSET) return {};
    out.push_back({ends[at], ends[at + 1]});
  }
}

std::optional<std::string> pattern_error(const std::string& source) {
  CompileError error;
  if (compile(regex_of(source, false), error)) return std::nullopt;
  return fmt::format("{} at character {}", error.message, error.offset + 1);
}

// The steps and their order are the reference's: they decide what a pattern means once it is inverted.
TargetText target_as_text(std::string_view pattern) {
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  if (pattern.ends_with('$')) pattern.remove_suffix(1);
  std::string text;
  // A look-around or non-capturing group goes, up to its first ')' and one more ')' directly behind.
  for (std::size_t at = 0; at < pattern.size();) {
    const bool opens = pattern.substr(at).starts_with("(?") && at + 3 < pattern.size();
    const std::size_t close = opens ? pattern.find(')', at + 3) : std::string_view::npos;
    if (close == std::string_view::npos) {
      text += pattern[at++];
    } else {
      at = close + 1;
      if (at < pattern.size() && pattern[at] == ')') ++at;
    }
  }
  text = replace_all(replace_all(text, "\\.", "."), "[.]", ".");
  const std::size_t open = text.find('(');
  const std::size_t close = open == std::string::npos ? open : text.find(')', open + 2);
  if (close == std::string::npos) return {text, std::nullopt};
  const std::string group = text.substr(open, close + 1 - open);
  return {text.replace(open, group.size(), "\\1"), group};
}

}  // namespace tenon
