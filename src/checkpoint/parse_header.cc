#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "checkpoint/header.h"
#include "checkpoint/header_reader.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

// Numbers of tensors. A header may hold more than a million, so that there are no two of them at any time.
using Order = std::vector<std::uint32_t>;

[[noreturn]] void fail_at(ErrorId id, const HeaderFields& fields, std::uint32_t tensor,
                          const std::string& file, const std::string& message) {
  throw UserError(id, {file, 0, 0, fields.at[tensor], shown(fields.tensors[tensor].key), ""}, message);
}

template <typename Less>
Order sorted(std::size_t count, Less less) {
  Order order(count);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), less);
  return order;
}

void refuse_duplicates(const HeaderFields& fields, const std::string& file) {
  const std::vector<Tensor>& tensors = fields.tensors;
  const Order by_key = sorted(tensors.size(), [&](std::uint32_t a, std::uint32_t b) {
    const int order = tensors[a].key.compare(tensors[b].key);
    return order != 0 ? order < 0 : a < b;
  });
  const auto twice = std::adjacent_find(by_key.begin(), by_key.end(), [&](std::uint32_t a, std::uint32_t b) {
    return tensors[a].key == tensors[b].key;
  });
  if (twice != by_key.end())
    fail_at("header-duplicate-key"_id, fields, *(twice + 1), file, "the tensor occurs twice");
}

// The tensors must cover the rest of the file: no hole, no overlap, nothing behind the last one.
void check_cover(const HeaderFields& fields, const Order& by_offset, std::uint64_t data_bytes,
                 const std::string& file) {
  std::uint64_t end = 0;
  std::uint32_t before = 0;
  for (const std::uint32_t i : by_offset) {
    const std::uint64_t begin = fields.tensors[i].offset;
    if (begin < end) {
      fail_at("header-overlap"_id, fields, i, file,
              fmt::format("its bytes overlap those of '{}'", shown(fields.tensors[before].key)));
    }
    if (begin > end) {
      fail_at("header-hole"_id, fields, i, file,
              fmt::format("the {} bytes before it belong to no tensor", begin - end));
    }
    end = begin + fields.tensors[i].bytes;
    before = i;
  }
  if (end > data_bytes) {
    fail_at("header-truncated"_id, fields, before, file,
            fmt::format("the file ends {} bytes before its last tensor does; was it truncated?",
                        end - data_bytes));
  }
  if (end < data_bytes) {
    throw UserError("header-hole"_id, {file, 0, 0, {}, "", ""},
                    fmt::format("the last {} bytes of the file belong to no tensor", data_bytes - end));
  }
}

// Puts tensor order[i] at place i, along the order's cycles, and uses the order up.
void reorder(std::vector<Tensor>& tensors, Order order) {
  for (std::uint32_t start = 0; start < order.size(); ++start) {
    std::uint32_t at = start;
    while (order[at] != start) {
      const std::uint32_t next = order[at];
      std::swap(tensors[at], tensors[next]);
      order[at] = at;
      at = next;
    }
    order[at] = at;
  }
}

}  // namespace

Header parse_header(std::string_view json, std::uint64_t file_size, const std::string& file) {
  return parse_header(header_text(json), json.size(), file_size, file);
}

Header parse_header(const HeaderText& text, std::uint64_t length, std::uint64_t file_size,
                    const std::string& file) {
  HeaderFields fields = read_header_fields(text, length, file);
  std::vector<Tensor>& tensors = fields.tensors;
  refuse_duplicates(fields, file);
  Order by_offset = sorted(tensors.size(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(tensors[a].offset, tensors[a].bytes, tensors[a].key) <
           std::tie(tensors[b].offset, tensors[b].bytes, tensors[b].key);
  });
  const std::uint64_t data_start = kHeaderPrefixBytes + length;
  check_cover(fields, by_offset, file_size - data_start, file);
  reorder(tensors, std::move(by_offset));
  for (Tensor& tensor : tensors) tensor.offset += data_start;
  return {std::move(tensors), std::move(fields.metadata)};
}

}  // namespace tenon
