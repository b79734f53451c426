// What a conversion keeps beside the tensors that it makes, for the way back: scales, zero points and shapes
// that dequantised weights no longer have. They stand in a file of their own, which no index lists and which
// only the manifest speaks of.
#pragma once

#include <string_view>

namespace tenon {

inline constexpr const char* kKeptFile = "tenon-kept.safetensors";
/// In front of the key that a tensor had in the source.
inline constexpr std::string_view kKeptPrefix = "tenon_kept.";

inline bool is_kept(std::string_view key) {
  return key.starts_with(kKeptPrefix);
}

}  // namespace tenon
