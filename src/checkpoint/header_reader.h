// The JSON of a header as its fields say, before the tensors are checked against each other and the file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tensor.h"

namespace tenon {

inline constexpr std::uint64_t kHeaderPrefixBytes = 8;

/// JSON that need not be in memory as a whole: gives what stands from a byte on, as much as is convenient,
/// which stays until the next call. Nothing at the end.
using HeaderText = std::function<std::string_view(std::uint64_t from)>;

/// A text that is in memory.
HeaderText header_text(std::string_view json);

struct HeaderFields {
  /// as written, each sound in itself; keys may repeat. Offsets are those of
  /// data_offsets, from the end of the header
  std::vector<Tensor> tensors;
  /// parallel: byte after the key, from the start of the file
  std::vector<std::uint64_t> at;
  std::map<std::string, std::string> metadata;
};

/// `length` bytes of JSON. Throws UserError (byte offset, tensor) at the first defect, and what `text` does.
HeaderFields read_header_fields(const HeaderText& text, std::uint64_t length, const std::string& file);

}  // namespace tenon
