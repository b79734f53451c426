// The tensors of a module on both sides: the publisher's, read from the checkpoint, and the fused ones, made
// of them by the plan's views or read from a converted checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

using Bytes = std::vector<std::byte>;

/// Reads whole tensors of a checkpoint. One thread.
class TensorReader {
 public:
  explicit TensorReader(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  /// Throws SystemError, and UserError where the file has changed since its header was read.
  Bytes read(std::size_t tensor) const;

 private:
  const Checkpoint& checkpoint_;
};

/// The bytes of source tensors by index, as a view needs them.
using SourceBytes = std::map<std::uint32_t, Bytes>;

/// The indices of the source tensors that a view takes from.
std::vector<std::uint32_t> sources_of(const View& view);

/// What the view makes of its sources. Elements of whole bytes only (bits_of(dtype) >= 8).
Bytes gather(const View& view, const SourceBytes& sources);

/// The way back: puts the view's bytes where they came from. `sources` holds tensors of the right size.
void scatter(const View& view, const Bytes& bytes, SourceBytes& sources);

/// "xxh3-128:...", the hash of a tensor as manifests have it.
std::string hash_of(const Bytes& bytes);

}  // namespace tenon
