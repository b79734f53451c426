// Every option of tenon, once: options/option_table.inc has a member's type, its default and a row that says
// all there is to know of it. The parser, --help, the man pages, the completions, the keys of a batch file,
// the manifest's options, the journal's head and `verify --against` read the rows; who acts by an option
// reads the member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options/value_types.h"

namespace tenon {

/// The values of all options, as given or by default. A command looks only at those that are its own.
struct Options {
  // What a command is given by place rather than by name; command.h's Argument says which is which.
  std::string source = {};
  std::string destination = {};
  std::string other = {};
  std::string folder = {};
  std::string file = {};
  std::string key = {};
  std::vector<std::string> names = {};

#define TENON_OPTION(type, member, fallback, ...) type member = fallback;
#define TENON_OPTION_AGAIN(member, ...)
#include "options/option_table.inc"
#undef TENON_OPTION
#undef TENON_OPTION_AGAIN
};

/// How many texts an option takes.
enum class Arity { kFlag, kOne, kList };

/// A member of Options behind functions on texts.
struct Member {
  Arity arity = Arity::kFlag;
  // A flag that is on unless it is refused: its name on the command line begins with "no".
  bool on_by_default = false;
  std::vector<std::string_view> choices = {};
  // Reads a text over the value; of a list, as one more element.
  ReadResult (*read)(Options& options, std::string_view text, const Bounds& bounds) = nullptr;
  std::vector<std::string> (*texts)(const Options& options) = nullptr;
  void (*copy)(const Options& from, Options& to) = nullptr;
  bool (*is_default)(const Options& options) = nullptr;
};

template <typename T>
inline constexpr Arity kArityOf = Arity::kOne;
template <>
inline constexpr Arity kArityOf<bool> = Arity::kFlag;
template <typename T>
inline constexpr Arity kArityOf<std::vector<T>> = Arity::kList;

template <auto kMember>
Member member_of() {
  using Value = std::remove_reference_t<decltype(std::declval<Options&>().*kMember)>;
  Member member;
  member.arity = kArityOf<Value>;
  if constexpr (std::is_same_v<Value, bool>) member.on_by_default = Options{}.*kMember;
  member.choices = names_of_values<Value>();
  member.read = [](Options& options, std::string_view text, const Bounds& bounds) {
    return read_value(text, bounds, options.*kMember);
  };
  member.texts = [](const Options& options) { return texts_of(options.*kMember); };
  member.copy = [](const Options& from, Options& to) { to.*kMember = from.*kMember; };
  member.is_default = [](const Options& options) { return options.*kMember == Options{}.*kMember; };
  return member;
}

/// The heading under which --help lists an option.
enum class Group { kRules, kOutput, kSafety, kChecks, kRunning, kReport, kGeneral };
std::string_view name_of(Group group);

/// What an option changes. Decides where it is recorded, unless its row says otherwise.
enum class Affects {
  // How tenon runs and what it shows: recorded nowhere.
  kNothing,
  // What is written beside the planned bytes, such as hashes: in the journal's head.
  kWriting,
  // The plan: in the journal's head and the manifest; `verify --against` takes it from there.
  kPlan,
  // What a plan may do without being refused; not a byte of it: in the manifest; `verify --against` grants
  // it.
  kPermission,
};

enum class Recorded { kNever, kIfGiven, kAlways };

/// What a shell offers for a value that is not one of a few choices.
enum class Completes { kNothing, kFile, kFolder, kCheckpoint, kRules, kFamilies, kCommands, kShells };

/// All there is to know of one option. A name may have several rows where commands mean different things by
/// it.
struct Option {
  Member member;
  // As in a batch file and a manifest: "max_shard_size".
  std::string_view name;
  // What stands for the value in help: "SIZE". Empty: a flag.
  std::string_view value = {};
  // One line for --help.
  std::string_view about = {};
  // More for the man page.
  std::string_view more = {};
  // Comma-separated names; "job" is a job of a batch file, "*" every command, "tenon" the program without
  // one.
  std::string_view commands = {};
  Group group = Group::kGeneral;
  Affects affects = Affects::kNothing;
  std::optional<Recorded> in_manifest = {};
  std::optional<Recorded> in_journal = {};
  Completes completes = Completes::kNothing;
  // Of a text; an enumeration has its own.
  std::vector<std::string_view> choices = {};
  // Of a number.
  Bounds bounds = {};
  // "q" for -q.
  std::string_view letter = {};
  // The name of an option that does not go with this one.
  std::string_view excludes = {};

  /// "--max-shard-size"; "--no-sync" of a flag that is on by default.
  std::string flag() const;
  std::vector<std::string_view> all_choices() const;
  bool belongs_to(std::string_view command) const;
  Recorded recorded_in_manifest() const;
  Recorded recorded_in_journal() const;

  /// Reads a text over the value in `options`; where it cannot, says why.
  ReadResult read(Options& options, std::string_view text) const;
};

/// The table, in the order in which help lists it.
const std::vector<Option>& all_options();

/// The rows of one command: "convert", "rules list", "job".
std::vector<const Option*> options_of(std::string_view command);

}  // namespace tenon
