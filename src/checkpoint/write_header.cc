// Writing a header, byte for byte as the safetensors library does.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "checkpoint/header.h"

namespace tenon {
namespace {

// Escaped as serde_json does it: nothing but what JSON demands.
std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump();
}

std::string length_prefix(std::uint64_t length) {
  std::string out;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(length >> shift & 0xFF);
  return out;
}

}  // namespace

std::string write_header(std::vector<Tensor>& tensors, const std::map<std::string, std::string>& metadata,
                         std::uint64_t& file_size) {
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
    return a.dtype != b.dtype ? a.dtype > b.dtype : a.key < b.key;
  });
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      fmt::format_to(std::back_inserter(json), "{}:{},", json_string(key), json_string(value));
    }
    json.back() = '}';
    json += ',';
  }
  std::uint64_t end = 0;
  for (Tensor& tensor : tensors) {
    tensor.offset = end;
    tensor.bytes = byte_size(tensor.dtype, tensor.shape).value();
    end += tensor.bytes;
    fmt::format_to(std::back_inserter(json), R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)",
                   json_string(tensor.key), name_of(tensor.dtype), fmt::join(tensor.shape, ","),
                   tensor.offset, end);
  }
  if (json.back() == ',') json.pop_back();
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');

  const std::string header = length_prefix(json.size()) + json;
  for (Tensor& tensor : tensors) tensor.offset += header.size();
  file_size = header.size() + end;
  return header;
}

}  // namespace tenon
