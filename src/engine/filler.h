// Fills a buffer with a range of a target tensor out of the source files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "engine/source_files.h"
#include "engine/transfer.h"

namespace tenon {

inline constexpr std::uint64_t kReadChunk = 512 << 10;  // bytes that are read, hashed and written at a time
inline constexpr std::uint64_t kGatherChunk = 4 << 20;  // the same where elements are gathered one by one

/// How far a chunk of the target that begins at `begin` should go, at most to `end`: kReadChunk for adjacent
/// bytes, up to kGatherChunk where elements are scattered, cut so that whole lines of the source are used.
std::uint64_t chunk_end(const Target& target, std::uint64_t begin, std::uint64_t end);

/// Called for each run of bytes that a piece copies as it is.
using UseRun =
    std::function<void(std::uint32_t source, std::uint64_t offset, std::span<const std::byte> bytes)>;

/// Fills `out` with the bytes of the target from `begin` on.
void fill(const Transfer& transfer, const Target& target, std::uint64_t begin, std::span<std::byte> out,
          SourceFiles& files, const UseRun& use_run);

}  // namespace tenon
