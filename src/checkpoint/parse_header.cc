#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "checkpoint/header.h"
#include "checkpoint/header_reader.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

[[noreturn]] void fail_at(const HeaderEntry& entry, const std::string& file, const std::string& message) {
  throw UserError({file, 0, 0, entry.at, shown(entry.tensor.key), ""}, message);
}

void refuse_duplicates(const std::vector<HeaderEntry>& entries, const std::string& file) {
  std::vector<std::uint32_t> by_key(entries.size());
  std::iota(by_key.begin(), by_key.end(), 0);
  std::sort(by_key.begin(), by_key.end(), [&](std::uint32_t a, std::uint32_t b) {
    const int order = entries[a].tensor.key.compare(entries[b].tensor.key);
    return order != 0 ? order < 0 : a < b;
  });
  const auto twice = std::adjacent_find(by_key.begin(), by_key.end(), [&](std::uint32_t a, std::uint32_t b) {
    return entries[a].tensor.key == entries[b].tensor.key;
  });
  if (twice != by_key.end()) fail_at(entries[*(twice + 1)], file, "the tensor occurs twice");
}

// The tensors must cover the rest of the file: no hole, no overlap, nothing behind the last one.
void check_cover(const std::vector<HeaderEntry>& by_offset, std::uint64_t data_bytes,
                 const std::string& file) {
  std::uint64_t end = 0;
  const HeaderEntry* before = nullptr;
  for (const HeaderEntry& entry : by_offset) {
    const std::uint64_t begin = entry.tensor.offset;
    if (begin < end)
      fail_at(entry, file, fmt::format("its bytes overlap those of '{}'", shown(before->tensor.key)));
    if (begin > end) {
      fail_at(entry, file, fmt::format("the {} bytes before it belong to no tensor", begin - end));
    }
    end = begin + entry.tensor.bytes;
    before = &entry;
  }
  if (end > data_bytes) {
    fail_at(*before, file,
            fmt::format("the file ends {} bytes before its last tensor does; was it truncated?",
                        end - data_bytes));
  }
  if (end < data_bytes) {
    throw UserError({file, 0, 0, {}, "", ""},
                    fmt::format("the last {} bytes of the file belong to no tensor", data_bytes - end));
  }
}

}  // namespace

Header parse_header(std::string_view json, std::uint64_t file_size, const std::string& file) {
  HeaderFields fields = read_header_fields(json, file);
  std::vector<HeaderEntry>& entries = fields.entries;
  refuse_duplicates(entries, file);
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.tensor.offset, a.tensor.bytes, a.tensor.key) <
           std::tie(b.tensor.offset, b.tensor.bytes, b.tensor.key);
  });
  const std::uint64_t data_start = kHeaderPrefixBytes + json.size();
  check_cover(entries, file_size - data_start, file);

  Header header;
  header.metadata = std::move(fields.metadata);
  header.tensors.reserve(entries.size());
  for (HeaderEntry& entry : entries) {
    entry.tensor.offset += data_start;
    header.tensors.push_back(std::move(entry.tensor));
  }
  return header;
}

}  // namespace tenon
