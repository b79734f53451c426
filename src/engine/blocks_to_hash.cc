#include "engine/blocks_to_hash.h"

namespace tenon {
namespace {

// By source and block: does a run of bytes that is copied as it is begin before or at the block's first byte
// and reach into it? The hasher follows a block that has begun to its end.
std::vector<std::vector<bool>> blocks_that_pass(const Transfer& transfer, const std::vector<bool>& wanted) {
  std::vector<std::vector<bool>> passes;
  for (const Region& source : transfer.sources) passes.emplace_back(hash_blocks(source.bytes));
  for (const Target& target : transfer.targets) {
    if (!wanted[target.region.file]) continue;
    for (const BytePiece& piece : target.pieces) {
      if (!piece.box.loops.empty()) continue;
      const std::uint64_t begin = piece.box.source_offset;
      const std::uint64_t end = begin + piece.box.run;
      for (std::uint64_t block = (begin + kHashBlock - 1) / kHashBlock; block * kHashBlock < end; ++block)
        passes[piece.source][block] = true;
    }
  }
  return passes;
}

}  // namespace

std::vector<std::vector<std::uint64_t>> blocks_that_do_not_pass(const Transfer& transfer,
                                                                const std::vector<bool>& wanted,
                                                                const HashRecords& records) {
  const std::vector<std::vector<bool>> passes = blocks_that_pass(transfer, wanted);
  std::vector<std::vector<std::uint64_t>> blocks(transfer.sources.size());
  for (std::uint32_t i = 0; i < blocks.size(); ++i) {
    if (!records.is_to_be_hashed(i) || transfer.sources[i].bytes == 0) continue;
    for (std::uint64_t block = 0; block < passes[i].size(); ++block) {
      if (!passes[i][block]) blocks[i].push_back(block);
    }
  }
  return blocks;
}

}  // namespace tenon
