// The tensors of a module on both sides: the publisher's, read from the checkpoint, and the fused ones, made
// of them by the plan's views or read from a converted checkpoint. All of it runs on every thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "modules/buffer.h"
#include "plan/plan.h"

namespace tenon {

/// Reads whole tensors of a checkpoint.
class TensorReader {
 public:
  explicit TensorReader(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  /// Throws SystemError, and UserError where the file has changed since its header was read.
  std::shared_ptr<const Bytes> read(std::size_t tensor) const;
  /// Into the tensor's size of bytes at `out`.
  void read(std::size_t tensor, std::byte* out) const;

 private:
  const Checkpoint& checkpoint_;
};

/// The bytes of source tensors by index, as a view needs them.
using SourceBytes = std::map<std::uint32_t, std::shared_ptr<const Bytes>>;

/// A view's pieces, cut so that many threads find work in them.
std::vector<Piece> cut_pieces(const View& view);

/// What the plan makes of the sources, by the engine's copy loops. Throws UserError where elements of less
/// than a byte do not move in whole bytes.
Bytes gather(const PlannedTensor& output, const SourceBytes& sources);
/// Into `output.bytes` bytes at `out`, which are zero.
void gather(const PlannedTensor& output, const SourceBytes& sources, std::byte* out);

/// Is every element that the view takes from its sources where it should be in `bytes`? A plain walk over
/// elements of whole bytes, which shares nothing with the engine, as is that of scatter().
bool gathered(const View& view, const SourceBytes& sources, const Bytes& bytes);

/// The way back: puts the elements of the pieces, which have one source, where they came from.
void scatter(const std::vector<Piece>& pieces, std::size_t element_size, const Bytes& bytes, Bytes& source);

}  // namespace tenon
