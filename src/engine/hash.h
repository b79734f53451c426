// What the hash of a tensor is, so that anybody can compute it again.
//
//   up to 16 MiB    "xxh3-128:" + the XXH3-128 of its bytes
//   larger          "xxh3-128-16m:" + the XXH3-128 of the 16-byte digests of its consecutive 16 MiB blocks
//   (the last one
//                   may be shorter), concatenated
//
// Digests are in xxHash's canonical form (big-endian, the digits that `xxhsum -H2` prints); the seed is 0.
// Blocks let several threads hash one tensor. "sha256:" + 64 digits is the plain SHA-256 of all the bytes, as
// hubs use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/observer.h"

namespace tenon {

inline constexpr std::uint64_t kHashBlock = 16 << 20;

using Digest = std::array<unsigned char, 16>;

/// How many digests make up the hash of a tensor of so many bytes: 1 up to kHashBlock, an empty tensor
/// included.
std::uint64_t hash_blocks(std::uint64_t bytes);

/// The hash of a tensor out of its blocks' digests.
std::string tensor_hash(std::span<const Digest> blocks);

/// The hash of a tensor whose bytes are in memory; the threads of the present arena share its blocks.
std::string tensor_hash_of(std::span<const std::byte> bytes);

/// XXH3-128 of bytes that come in parts.
class StreamHash {
 public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;

  void reset();
  void update(std::span<const std::byte> bytes);
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "sha256:..." of `size` bytes of an open file from `offset`. Throws SystemError, with `path` in it,
/// Interrupted, and std::runtime_error where OpenSSL refuses.
std::string sha256_of_range(int descriptor, const std::string& path, std::uint64_t offset, std::uint64_t size,
                            const Observer& observer = nobody());

}  // namespace tenon
