// The JSON of a header as its fields say, before the tensors are checked against each other and the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tensor.h"

namespace tenon {

inline constexpr std::uint64_t kHeaderPrefixBytes = 8;

struct HeaderEntry {
  Tensor tensor;         // offset: as data_offsets say, from the end of the header
  std::uint64_t at = 0;  // byte after its key, from the start of the file
};

struct HeaderFields {
  std::vector<HeaderEntry> entries;  // as written, each sound in itself; keys may repeat
  std::map<std::string, std::string> metadata;
};

/// Throws UserError (byte offset, tensor) at the first defect.
HeaderFields read_header_fields(std::string_view json, const std::string& file);

}  // namespace tenon
