#include "engine/hash_tensors.h"

#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace tenon;

TEST_CASE("every tensor of a checkpoint is hashed as execute() does") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  source.add("a", DType::kU8, {100});
  source.add("b", DType::kF32, {5 << 20}, 1);
  source.add("empty", DType::kF32, {0, 3});
  source.add("c", DType::kBF16, {7, 9}, 1);
  source.write();
  const std::vector<TensorHash> hashes = hash_tensors(source.checkpoint, quick_options(2));
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(hashes[i] == TensorHash{hash_of(source.bytes_of(i)), ""});

  EngineOptions sha = quick_options(2);
  sha.hash = HashKind::kSha256;
  const std::vector<TensorHash> both = hash_tensors(source.checkpoint, sha);
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(both[i].xxh3 == hashes[i].xxh3);
  CHECK(both[2].sha256 == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto files = hash_files(source.checkpoint.shards, sha);
  REQUIRE(files.size() == 2);
  CHECK(files[1] == hash_file(source.checkpoint.shards[1].path, {}));
  CHECK(files[1].starts_with("sha256:"));
}

TEST_CASE("of an interrupted run's shards only those are trusted that still have their hashes") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  Plan plan;
  for (std::uint32_t i = 0; i < 4; ++i) {
    source.add(fmt::format("s{}", i), DType::kU8, {1000});
    add_output(plan, fmt::format("o{}", i), permuted_view(i, DType::kU8, {1000}, {0}), i);
  }
  source.write();
  FinishedShards log;
  std::vector<FinishedShard>& finished = log.all;
  EngineOptions options = quick_options(2);
  options.log = &log;
  execute(plan, source.checkpoint, folder.path(), options);
  std::sort(finished.begin(), finished.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  CHECK(still_finished(finished, plan, folder.path(), options).size() == 4);

  std::filesystem::resize_file(folder.path() / "shard-0", 500);
  std::fstream(folder.path() / "shard-1", std::ios::in | std::ios::out).seekp(700).put('!').put('?');
  finished[2].outputs.clear();
  const std::vector<FinishedShard> left = still_finished(finished, plan, folder.path(), options);
  REQUIRE(left.size() == 1);
  CHECK(left[0].name == "shard-3");
}
