// A checkpoint: which tensors it has, of what type and shape, and where. Opening one reads headers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tenon/error.h"
#include "tenon/options.h"

namespace tenon {
TENON_INLINE namespace v0 {
struct TensorInfo {
  std::string key;
  /// as safetensors writes it: "BF16", "F8_E4M3"
  std::string dtype;
  /// in elements, outermost first
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
  /// of the shard that holds it, or will
  std::string file;
};

/// An opened checkpoint; copies are the same one. Its files are opened again when they are read from: one
/// that was changed meanwhile is refused.
class Checkpoint {
 public:
  /// A folder with one .safetensors file or with shards and their index, one .safetensors file, a hub's
  /// cache folder. Throws UserError with every mistake found, SystemError.
  static Checkpoint open(const std::filesystem::path& path, const InspectOptions& options = {});

  /// In natural order of their keys: layers.2 before layers.10.
  const std::vector<TensorInfo>& tensors() const;
  /// Nothing where it has no such tensor.
  const TensorInfo* find(const std::string& key) const;
  /// config.json verbatim, "" where there is none.
  const std::string& config() const;
  std::uint64_t total_bytes() const;
  /// What is odd, but stops nothing.
  const std::vector<Diagnostic>& warnings() const;

  /// The bytes of a tensor, row-major, little-endian. Throws UserError where it has none of that key or the
  /// file has changed, SystemError.
  std::vector<std::byte> read(const std::string& key) const;

  /// The tables and the document that `tenon inspect` prints.
  std::string text() const;
  std::string json() const;

 private:
  struct State;
  explicit Checkpoint(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace v0
}  // namespace tenon
