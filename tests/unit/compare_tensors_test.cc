#include "engine/compare_tensors.h"

#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace tenon;

TEST_CASE("two checkpoints are compared by key, and the first differing element of each tensor is named") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  source.add("a", DType::kBF16, {64});
  source.add("b", DType::kU8, {40 << 20});
  source.add("c", DType::kF32, {8});
  source.write();
  Checkpoint other = source.checkpoint;
  other.shards[0].path = folder.path() / "other";
  std::string bytes = read_file(source.checkpoint.shards[0].path);
  const auto at = [&](std::size_t tensor, std::size_t offset) -> char& {
    return bytes[source.checkpoint.tensors[tensor].offset + offset];
  };
  at(0, 2 * 17 + 1) ^= 1;
  at(0, 2 * 20) ^= 1;
  for (const std::size_t offset : {39 << 20, 20 << 20, (20 << 20) + 1}) at(1, offset) ^= 1;
  std::ofstream(other.shards[0].path, std::ios::binary) << bytes;
  other.shards[0] = describe_file(other.shards[0].path);
  other.tensors[2].shape = {4, 2};

  CHECK(compare_tensors(source.checkpoint, source.checkpoint, quick_options(2)).empty());
  const auto found = compare_tensors(source.checkpoint, other, quick_options(2));
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "a");
  CHECK(found[0].element == 17);
  const std::string a = source.bytes_of(0);
  CHECK(found[0].a ==
        fmt::format("0x{:02x}{:02x}", static_cast<unsigned char>(a[35]), static_cast<unsigned char>(a[34])));
  CHECK(found[0].b == fmt::format("0x{:02x}{:02x}", static_cast<unsigned char>(a[35] ^ 1),
                                  static_cast<unsigned char>(a[34])));
  CHECK(found[1].key == "b");
  CHECK(found[1].element == 20 << 20);
}
