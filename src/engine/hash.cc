#include "engine/hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // the widest vectors that the machine has, twice the speed and more
#endif

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <vector>

#include "base/diagnostics.h"
#include "engine/parallel_loop.h"

namespace tenon {
namespace {

Digest canonical(const XXH128_hash_t& hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  std::copy(std::begin(bytes.digest), std::end(bytes.digest), digest.begin());
  return digest;
}

std::string hex(std::span<const unsigned char> bytes) {
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

struct StreamHash::State {
  State() : xxh(XXH3_createState()) {
    if (xxh == nullptr) throw std::bad_alloc();
  }
  ~State() { XXH3_freeState(xxh); }
  XXH3_state_t* xxh;
};

StreamHash::StreamHash() : state_(std::make_unique<State>()) {
  reset();
}
StreamHash::~StreamHash() = default;

void StreamHash::reset() {
  XXH3_128bits_reset(state_->xxh);
}

void StreamHash::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Digest StreamHash::digest() const {
  return canonical(XXH3_128bits_digest(state_->xxh));
}

std::uint64_t hash_blocks(std::uint64_t bytes) {
  return bytes <= kHashBlock ? 1 : bytes / kHashBlock + (bytes % kHashBlock != 0);
}

std::string tensor_hash(std::span<const Digest> blocks) {
  if (blocks.size() == 1) return "xxh3-128:" + hex(blocks.front());
  return "xxh3-128-16m:" + hex(canonical(XXH3_128bits(blocks.data(), blocks.size_bytes())));
}

std::string tensor_hash_of(std::span<const std::byte> bytes) {
  std::vector<Digest> blocks(hash_blocks(bytes.size()));
  parallel_loop(blocks.size(), [&](std::size_t i) {
    const auto block = bytes.subspan(i * kHashBlock);
    blocks[i] = canonical(XXH3_128bits(block.data(), std::min<std::size_t>(block.size(), kHashBlock)));
  });
  return tensor_hash(blocks);
}

std::string sha256_of_range(int descriptor, const std::string& path, std::uint64_t offset, std::uint64_t size,
                            const Observer& observer) {
  const auto require = [](int status) {
    if (status != 1) throw std::runtime_error("OpenSSL cannot compute SHA-256");
  };
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  require(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr));
  std::vector<unsigned char> buffer(256 << 10);
  while (size > 0) {
    observer.throw_if_stopped();
    const ssize_t got = pread(descriptor, buffer.data(), std::min<std::uint64_t>(buffer.size(), size),
                              static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw SystemError("read", path, got < 0 ? errno : EIO);
    require(EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::uint64_t>(got);
  }
  std::array<unsigned char, 32> digest;
  require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr));
  return "sha256:" + hex(digest);
}

}  // namespace tenon
