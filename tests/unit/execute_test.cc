#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "engine/engine.h"
#include "engine/hash.h"
#include "engine_fixture.h"

using namespace tenon;

namespace {

EngineOptions with_threads(int threads) {
  EngineOptions options;
  options.threads = threads;
  options.sync = false;
  return options;
}

std::string hash_of(const std::string& bytes) {
  std::vector<Digest> blocks;
  for (std::size_t at = 0; at == 0 || at < bytes.size(); at += kHashBlock) {
    StreamHash hash;
    hash.update(
        std::as_bytes(std::span(bytes)).subspan(at, std::min<std::size_t>(kHashBlock, bytes.size() - at)));
    blocks.push_back(hash.digest());
  }
  return tensor_hash(blocks);
}

// Outputs that are permutations, stacks and interleavings of permutations of random tensors, over three
// shards.
Plan random_plan(HandMadeSource& source, std::mt19937& random) {
  const std::vector<DType> dtypes = {DType::kU8, DType::kBF16, DType::kF32, DType::kF64};
  Plan plan;
  for (int i = 0; i < 12; ++i) {
    const DType dtype = dtypes[random() % dtypes.size()];
    Shape shape;
    for (std::size_t rank = 1 + random() % 4; rank > 0; --rank)
      shape.push_back(1 + static_cast<int>(random() % 40));
    if (i == 3) shape = {1100, 700};
    std::vector<int> order(shape.size());
    for (std::size_t axis = 0; axis < order.size(); ++axis) order[axis] = static_cast<int>(axis);
    if (random() % 4 != 0) std::shuffle(order.begin(), order.end(), random);
    std::vector<View> parts;
    for (std::size_t part = 1 + random() % 3; part > 0; --part) {
      const std::string key = fmt::format("s{}", source.checkpoint.tensors.size());
      parts.push_back(permuted_view(source.add(key, dtype, shape, random() % 2), dtype, shape, order));
    }
    add_output(plan, fmt::format("o{}", i), joined_view(parts, random() % 2 == 0),
               static_cast<std::uint32_t>(i / 4));
  }
  return plan;
}

void check_written(const Plan& plan, const HandMadeSource& source, const std::filesystem::path& folder) {
  for (const PlannedTensor& output : plan.outputs) {
    INFO(output.key);
    const std::string shard = read_bytes(folder / plan.shards[output.shard].name);
    REQUIRE(shard.size() == plan.shards[output.shard].size);
    CHECK(shard.substr(0, 6) == "HEADER");
    CHECK((shard.substr(output.offset, output.bytes) == expected_bytes(output, source)));
  }
}

}  // namespace

TEST_CASE(
    "random plans come out as an element loop has it, whatever the threads, with the hashes of both sides") {
  std::mt19937 random(11);
  for (int round = 0; round < 25; ++round) {
    const TemporaryFolder folder;
    HandMadeSource source(folder.path());
    const Plan plan = random_plan(source, random);
    source.write();
    for (const int threads : {1, 2, 7}) {
      CAPTURE(round, threads);
      const auto out = folder.path() / std::to_string(threads);
      std::filesystem::create_directory(out);
      const EngineResult result = execute(plan, source.checkpoint, out, with_threads(threads));
      check_written(plan, source, out);
      for (std::uint32_t i = 0; i < source.checkpoint.tensors.size(); ++i) {
        CHECK(result.source_hashes[i] == hash_of(source.bytes_of(i)));
      }
      for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
        CHECK(result.output_hashes[i] == hash_of(expected_bytes(plan.outputs[i], source)));
      }
    }
  }
}

TEST_CASE("large tensors are hashed block by block on both sides, aligned with each other or not") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  std::vector<View> parts;
  const Shape whole = {16 << 20};
  const Shape odd = {(20 << 20) + 12344};
  for (const Shape& shape : {whole, odd, odd, whole}) {
    const auto i = source.add(fmt::format("s{}", parts.size()), DType::kU8, shape);
    parts.push_back(permuted_view(i, DType::kU8, shape, {0}));
  }
  Plan plan;
  View stacked{DType::kU8, {0}, {}};
  for (const View& part : parts) {
    Piece piece = part.pieces[0];
    piece.output_offset = stacked.shape[0];
    stacked.shape[0] += part.shape[0];
    stacked.pieces.push_back(piece);
  }
  add_output(plan, "stacked", stacked);
  const auto turned = source.add("t", DType::kU16, {5000, 2000});
  add_output(plan, "turned", permuted_view(turned, DType::kU16, {5000, 2000}, {1, 0}));
  source.write();
  for (const int threads : {1, 2, 7}) {
    const EngineResult result = execute(plan, source.checkpoint, folder.path(), with_threads(threads));
    check_written(plan, source, folder.path());
    for (std::uint32_t i = 0; i < 5; ++i) CHECK(result.source_hashes[i] == hash_of(source.bytes_of(i)));
    CHECK(result.output_hashes[0] == hash_of(expected_bytes(plan.outputs[0], source)));
    CHECK(result.output_hashes[1] == hash_of(expected_bytes(plan.outputs[1], source)));
    CHECK(result.output_hashes[0].starts_with("xxh3-128-16m:"));
  }
}
