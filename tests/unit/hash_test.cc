#include "engine/hash.h"

#include <xxhash.h>

#include <catch2/catch.hpp>

#include "checkpoint/file.h"
#include "engine_fixture.h"

using namespace tenon;

namespace {

std::string digits(const XXH128_hash_t& hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

TEST_CASE("a small tensor's hash is the XXH3-128 that xxhsum prints") {
  CHECK(hash_of("") == "xxh3-128:99aa06d3014798d86001c324468d497f");
  const std::string text(100000, 'x');
  CHECK(hash_of(text) == "xxh3-128:" + digits(XXH3_128bits(text.data(), text.size())));
}

TEST_CASE("a tensor above 16 MiB is hashed over the digests of its blocks") {
  CHECK(hash_blocks(0) == 1);
  CHECK(hash_blocks(kHashBlock) == 1);
  CHECK(hash_blocks(kHashBlock + 1) == 2);
  std::string large(2 * kHashBlock + 5, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 + i / 1000);
  std::string digests;
  for (std::size_t at = 0; at < large.size(); at += kHashBlock) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(
        &canonical, XXH3_128bits(large.data() + at, std::min<std::size_t>(kHashBlock, large.size() - at)));
    digests.append(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
  }
  CHECK(hash_of(large) == "xxh3-128-16m:" + digits(XXH3_128bits(digests.data(), digests.size())));
}

TEST_CASE("SHA-256 is the one of the range alone") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "f";
  std::ofstream(path) << "..abc..";
  const FileDescriptor file = open_for_reading(path);
  CHECK(sha256_of_range(file.get(), path.native(), 2, 3) ==
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of_range(file.get(), path.native(), 0, 0) ==
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_THROWS_AS(sha256_of_range(file.get(), path.native(), 2, 30), SystemError);
}
