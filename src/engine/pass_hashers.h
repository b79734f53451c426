// Hashing of tensors while their bytes pass by on the way from source to output: one pass for both sides. The
// bytes may lie in a mapping, so feed() is called inside SourceFiles::guarded() and owns nothing while it
// reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/block_digests.h"
#include "engine/hash.h"
#include "engine/source_files.h"
#include "engine/transfer.h"

namespace tenon {

/// Hashes the blocks of source tensors out of runs of their bytes that one thread copies. A run that ends
/// within a block is followed to the block's end by reading on, so that no state outlives a task.
class SourceHasher {
 public:
  SourceHasher(const std::vector<Region>& sources, SourceFiles& files, BlockDigests& digests);

  /// Bytes of `source` from `offset` on have been read. Blocks that begin in them and are not claimed yet are
  /// hashed.
  void feed(std::uint32_t source, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Completes the block that is open, if any.
  void finish();

 private:
  const std::vector<Region>& sources_;
  SourceFiles& files_;
  BlockDigests& digests_;
  StreamHash hash_;
  bool open_ = false;
  std::uint32_t source_ = 0;
  /// next byte of the open block
  std::uint64_t at_ = 0;
  /// of the open block
  std::uint64_t end_ = 0;
};

/// Hashes output tensors as they are filled, each block from its first byte to its last by one thread.
class OutputHasher {
 public:
  OutputHasher(const Transfer& transfer, BlockDigests& outputs, BlockDigests& sources);

  /// Bytes of an output from `offset` on; calls go on where the one before ended, or begin a block. A block
  /// that is one of a source tensor as well is hashed once for both, unless it is no copy.
  enum class Share { kCopies, kNothing };
  void feed(std::uint32_t output, std::uint64_t offset, std::span<const std::byte> bytes,
            Share share = Share::kCopies);

 private:
  /// tensor, number
  using Block = std::pair<std::uint32_t, std::uint64_t>;
  std::optional<Block> same_source_block(std::uint32_t output, std::uint64_t offset,
                                         std::uint64_t size) const;

  const Transfer& transfer_;
  BlockDigests& outputs_;
  BlockDigests& sources_;
  StreamHash hash_;
  std::optional<Block> same_;
};

}  // namespace tenon
