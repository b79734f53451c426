#include "checkpoint/shard_names.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "base/diagnostics.h"
#include "base/text.h"
#include "checkpoint/file.h"

namespace tenon {
namespace {

constexpr std::string_view kExtension = ".safetensors";

// The digits at the end of `text`, which are taken from it; nothing where there are none.
std::optional<std::uint32_t> take_number(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[text.size() - 1 - digits] >= '0' &&
         text[text.size() - 1 - digits] <= '9')
    ++digits;
  const std::string_view number = text.substr(text.size() - digits);
  std::uint32_t value = 0;
  const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (failed != std::errc()) return std::nullopt;
  text.remove_suffix(digits);
  return value;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

void require_complete(const std::string& stem, std::uint32_t count, const std::set<std::uint32_t>& numbers,
                      const std::filesystem::path& folder) {
  std::vector<std::string> missing;
  for (std::uint32_t number = 1; number <= count && missing.size() < 1000; ++number) {
    if (!numbers.contains(number))
      missing.push_back(fmt::format("{}-{:05}-of-{:05}{}", stem, number, count, kExtension));
  }
  if (missing.empty()) return;
  throw UserError("shards-missing"_id, place_of(folder),
                  fmt::format("lacks {} of {} shards: {}", missing.size(), count, join_some(missing)),
                  "Fetch them from where the checkpoint came from.");
}

}  // namespace

std::optional<ShardName> parse_shard_name(std::string_view name) {
  if (!take_suffix(name, kExtension)) return std::nullopt;
  const auto count = take_number(name);
  if (!count || !take_suffix(name, "-of-")) return std::nullopt;
  const auto number = take_number(name);
  if (!number || !take_suffix(name, "-")) return std::nullopt;
  return ShardName{std::string(name), *number, *count};
}

std::vector<std::string> shards_by_name(const std::vector<std::string>& names,
                                        const std::filesystem::path& folder) {
  using Set = std::pair<std::string, std::uint32_t>;  // stem, count
  std::map<Set, std::set<std::uint32_t>> numbers;
  std::map<Set, std::vector<std::string>> files;
  for (const std::string& name : names) {
    const auto shard = parse_shard_name(name);
    if (!shard) continue;
    numbers[{shard->stem, shard->count}].insert(shard->number);
    files[{shard->stem, shard->count}].push_back(name);
  }
  if (files.empty()) return names;
  if (files.size() > 1) {
    std::vector<std::string> sets;
    for (const auto& [set, shards] : files) sets.push_back(shards.front());
    throw UserError("shards-several"_id, place_of(folder),
                    fmt::format("holds {} sets of shards: {}", files.size(), join_some(sets)),
                    "Move all but one of them out of the folder.");
  }
  const auto& [set, shards] = *files.begin();
  require_complete(set.first, set.second, numbers[set], folder);
  return shards;
}

}  // namespace tenon
