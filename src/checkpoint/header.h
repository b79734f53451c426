// The header of a safetensors file: eight bytes of length, that many bytes of JSON, then the tensors' bytes
// without a gap. Read strictly, written as the safetensors library writes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/tensor.h"

namespace tenon {

/// the library refuses longer ones
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
/// the hubs' readers refuse longer ones
inline constexpr std::uint64_t kHubHeaderBytes = 25'000'000;
inline constexpr std::size_t kMaxRank = 64;

struct Header {
  /// by rising offset
  std::vector<Tensor> tensors;
  /// `__metadata__`
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON part of a header, whose tensors must fill a file of `file_size` bytes exactly. Throws
/// UserError with the first defect (file, byte offset, tensor). `file` is for messages only.
Header parse_header(std::string_view json, std::uint64_t file_size, const std::string& file);

/// The same for `length` bytes of JSON that come in parts (checkpoint/header_reader.h).
Header parse_header(const std::function<std::string_view(std::uint64_t from)>& text, std::uint64_t length,
                    std::uint64_t file_size, const std::string& file);

/// A shard file and what its header says.
struct OpenedShard {
  Header header;
  /// bytes of the file
  std::uint64_t size = 0;
  /// its modification time
  std::int64_t modified_ns = 0;
  /// bytes before the first tensor
  std::uint64_t header_size = 0;
};

/// Reads the header of a safetensors file and none of its tensors' bytes. Throws UserError as parse_header
/// does, SystemError where the file cannot be read. Long headers are a warning.
OpenedShard read_header(const std::filesystem::path& path, Diagnostics& warnings);

/// Puts the tensors into the order in which the safetensors library writes them (dtype falling, then key),
/// sets their `offset` and `bytes`, and returns the file's first bytes: length, JSON, padding to a multiple
/// of eight. `file_size` becomes the size of the whole file.
std::string write_header(std::vector<Tensor>& tensors, const std::map<std::string, std::string>& metadata,
                         std::uint64_t& file_size);

}  // namespace tenon
