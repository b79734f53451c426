// The JSON of a header, in a file of just the size that its tensors take. What is accepted covers the file,
// is the same read in parts, and is the same again after it was written and read.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/checked.h"
#include "checkpoint/header.h"
#include "checkpoint/header_reader.h"
#include "invariant.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::size_t kPart = 61;

// Nothing where the header is refused.
std::optional<Header> parsed(std::string_view json, std::uint64_t file_size, std::size_t part = SIZE_MAX) {
  const auto text = [&](std::uint64_t from) { return json.substr(std::min(from, json.size()), part); };
  try {
    return parse_header(text, json.size(), file_size, "fuzz.safetensors");
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    require(error.diagnostics().front().place.file == "fuzz.safetensors", "the message names the file");
    return std::nullopt;
  }
}

// Of a file that the tensors would fill; one without tensors where the fields are refused.
std::uint64_t fitting_size(std::string_view json) {
  std::uint64_t end = 0;
  try {
    for (const Tensor& tensor : read_header_fields(header_text(json), json.size(), "").tensors)
      end = std::max(end, tensor.offset + tensor.bytes);
  } catch (const UserError&) {
  }
  const std::uint64_t begin = kHeaderPrefixBytes + json.size();
  return checked_add(begin, end).value_or(begin);
}

void require_cover(const Header& header, std::uint64_t begin, std::uint64_t end) {
  for (const Tensor& tensor : header.tensors) {
    require(tensor.offset == begin, "a tensor begins where the one before it ends");
    require(byte_size(tensor.dtype, tensor.shape) == tensor.bytes, "a tensor has the size of its shape");
    begin += tensor.bytes;
  }
  require(begin == end, "the last tensor ends with the file");
}

bool same(const Tensor& a, const Tensor& b) {
  return a.key == b.key && a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

void by_key(std::vector<Tensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
}

void require_return(Header header) {
  std::uint64_t size = 0;
  const std::string text = write_header(header.tensors, header.metadata, size);
  auto again = parsed(std::string_view(text).substr(kHeaderPrefixBytes), size);
  require(again.has_value(), "a written header is accepted");
  require(again->metadata == header.metadata, "metadata come back");
  require(write_header(again->tensors, again->metadata, size) == text, "writing again gives the same bytes");
  by_key(header.tensors);
  by_key(again->tensors);
  require(std::equal(header.tensors.begin(), header.tensors.end(), again->tensors.begin(),
                     again->tensors.end(), same),
          "tensors come back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const std::uint64_t file_size = fitting_size(json);
  auto header = parsed(json, file_size);
  const auto in_parts = parsed(json, file_size, kPart);
  require(header.has_value() == in_parts.has_value(), "parts make no difference");
  if (!header) return 0;
  require(std::equal(header->tensors.begin(), header->tensors.end(), in_parts->tensors.begin(),
                     in_parts->tensors.end(), same),
          "tensors of a header in parts");
  const std::uint64_t begin = kHeaderPrefixBytes + json.size();
  require_cover(*header, begin, file_size);
  require(!parsed(json, file_size + 1), "a byte behind the last tensor is refused");
  require(file_size == begin || !parsed(json, file_size - 1), "a truncated file is refused");
  if (file_size < UINT64_MAX / 2) require_return(std::move(*header));
  return 0;
}
