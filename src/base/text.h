// Small text helpers that several stages share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// "1.50 GB": decimal units, as the hubs count.
std::string human_bytes(std::uint64_t bytes);

/// "5GB", "500MB", "1GiB", "1000" to bytes; nothing where the text is no size.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// Control characters written as "\x1b": a tensor's key from a file must not steer the terminal.
std::string visible(std::string_view text);

/// "1 tensor", "3 tensors": for nouns whose plural ends in s.
std::string counted(std::uint64_t number, std::string_view noun);

/// "a, b and 3 more": at most `limit` of the items.
std::string join_some(const std::vector<std::string>& items, std::size_t limit = 5);

/// Is the item one of the list?
bool is_listed(const std::vector<std::string>& list, std::string_view item);

/// The candidates nearest to `name` by edit distance, best first; none that shares too little with it.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t limit = 3);

/// " Did you mean 'x'?" for the nearest candidate, or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// A whole number written out, without a sign; nothing where it is none or does not fit.
std::optional<std::int64_t> as_index(std::string_view text);

/// Where the text stops being UTF-8 (as RFC 3629 has it: no surrogates, no overlong forms), or nothing.
std::optional<std::size_t> invalid_utf8(std::string_view text);

/// Does the key match the glob? `*` is one or more characters other than `.`; `**` is any characters. Linear
/// in memory, never exponential in time.
bool glob_matches(std::string_view glob, std::string_view key);

}  // namespace tenon
