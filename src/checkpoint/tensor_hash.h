// The hashes of one tensor's bytes. What they are is said in engine/hash.h.
#pragma once

#include <string>

namespace tenon {

/// Either is "" where it was not made.
struct TensorHash {
  /// "xxh3-128:<32 hex>" or "xxh3-128-16m:<32 hex>"
  std::string xxh3;
  /// "sha256:<64 hex>"
  std::string sha256;

  bool empty() const { return xxh3.empty() && sha256.empty(); }
  bool operator==(const TensorHash&) const = default;
  auto operator<=>(const TensorHash&) const = default;
};

}  // namespace tenon
