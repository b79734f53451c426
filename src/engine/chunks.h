// How a range of a target tensor gets its bytes out of the source files: straight from the mapping where they
// stand side by side there, else gathered into a buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "engine/source_files.h"
#include "engine/transfer.h"

namespace tenon {

/// bytes that are fetched, hashed and written at a time
inline constexpr std::uint64_t kChunk = 512 << 10;
/// where scattered elements need more: the buffer's size
inline constexpr std::uint64_t kLargestChunk = 8 << 20;

/// Bytes of a thread's buffer, so that all threads together stay below 128 MiB.
inline std::uint64_t buffer_size(int threads) {
  return std::clamp<std::uint64_t>((128 << 20) / static_cast<std::uint64_t>(threads), kChunk, kLargestChunk);
}

/// A thread's buffer. A byte stands in it where it will stand in the output, relative to a page: the system
/// copies several times faster where both sides are aligned alike.
class ChunkBuffer {
 public:
  explicit ChunkBuffer(std::uint64_t room)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(room + 2 * kPage)) {}

  /// Where the bytes go that are written at `position` of a file and after.
  std::byte* at(std::uint64_t position) {
    const auto start = reinterpret_cast<std::uintptr_t>(bytes_.get());
    return bytes_.get() + (kPage - start % kPage) + position % kPage;
  }

 private:
  static constexpr std::uint64_t kPage = 4096;
  /// a page of it takes memory when it is first used
  std::unique_ptr<std::byte[]> bytes_;
};

/// Adjacent bytes of a source tensor.
struct SourceRun {
  std::uint32_t source = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The bytes of the target from `begin` on that can be written straight from the mapping, at most to `end`:
/// they stand side by side in one source, aligned as in the output, and are enough to go by themselves.
std::optional<SourceRun> direct_run(const Transfer& transfer, const Target& target, std::uint64_t begin,
                                    std::uint64_t end);

/// How far a gathered chunk that begins at `begin` should go, at most to `end`: kChunk for whole rows; where
/// single elements are scattered, cut so that whole cache lines of the source are used, in at most `room`
/// bytes.
std::uint64_t chunk_end(const Target& target, std::uint64_t begin, std::uint64_t end, std::uint64_t room);

/// Called for each run of bytes that a piece copies as it is.
using UseRun = std::function<void(const SourceRun& run, std::span<const std::byte> bytes)>;

/// Fills `out` with the bytes of the target from `begin` on.
void gather(const Transfer& transfer, const Target& target, std::uint64_t begin, std::span<std::byte> out,
            SourceFiles& files, const UseRun& use_run);

/// Fetches what recipes read for the target's range begin..end.
void fetch_operands(const Transfer& transfer, const Target& target, const std::vector<Recipe>& recipes,
                    std::uint64_t begin, std::uint64_t end, SourceFiles& files);

/// Fetches all source bytes that go to the target's range begin..end, if they have not been fetched before.
void fetch_sources(const Transfer& transfer, const Target& target, std::uint64_t begin, std::uint64_t end,
                   SourceFiles& files);

/// Releases those that are copied as they are, so that the mapping in use stays small.
void release_sources(const Transfer& transfer, const Target& target, std::uint64_t begin, std::uint64_t end,
                     SourceFiles& files);

}  // namespace tenon
