#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <stdexcept>

#include "engine/engine.h"
#include "engine/hash.h"
#include "engine_fixture.h"

using namespace tenon;

namespace {

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

// What a run of a plan must give, whatever its threads.
class Expected {
 public:
  Expected(const Plan& plan, const HandMadeSource& source) : plan_(plan) {
    for (std::uint32_t i = 0; i < source.checkpoint.tensors.size(); ++i)
      source_hashes_.push_back({hash_of(source.bytes_of(i)), ""});
    for (const PlannedTensor& output : plan.outputs) {
      outputs_.push_back(expected_bytes(output, source));
      output_hashes_.push_back({hash_of(outputs_.back()), ""});
    }
  }

  void check(const EngineResult& result, const std::filesystem::path& folder) const {
    CHECK(result.source_hashes == source_hashes_);
    CHECK(result.output_hashes == output_hashes_);
    check_files(folder);
  }

  void check_files(const std::filesystem::path& folder) const {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const PlannedTensor& output = plan_.outputs[i];
      INFO(output.key);
      const std::string shard = read_file(folder / plan_.shards[output.shard].name);
      REQUIRE(shard.size() == plan_.shards[output.shard].size);
      CHECK(shard.substr(0, 6) == "HEADER");
      CHECK((shard.compare(output.offset, output.bytes, outputs_[i]) == 0));
    }
  }

 private:
  const Plan& plan_;
  std::vector<TensorHash> source_hashes_;
  std::vector<std::string> outputs_;
  std::vector<TensorHash> output_hashes_;
};

}  // namespace

TEST_CASE(
    "random plans come out as an element loop has it, whatever the threads, with the hashes of both sides") {
  std::mt19937 random(11);
  for (int round = 0; round < 8; ++round) {
    const TemporaryFolder folder;
    HandMadeSource source(folder.path());
    const Plan plan = random_plan(source, random);
    source.write();
    const Expected expected(plan, source);
    for (const int threads : {1, 2, 7}) {
      CAPTURE(round, threads);
      const auto out = folder.path() / std::to_string(threads);
      std::filesystem::create_directory(out);
      expected.check(execute(plan, source.checkpoint, out, quick_options(threads)), out);
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
  const Expected expected(plan, source);
  for (const int threads : {1, 2, 7}) {
    CAPTURE(threads);
    const EngineResult result = execute(plan, source.checkpoint, folder.path(), quick_options(threads));
    expected.check(result, folder.path());
    CHECK(result.output_hashes[0].xxh3.starts_with("xxh3-128-16m:"));
  }
}

TEST_CASE("elements of less than a byte move where whole bytes move, and are refused where not") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto four = source.add("four", DType::kF4, {6, 4});
  const auto six = source.add("six", DType::kF6E2M3, {3, 8});
  source.write();
  // Rows in reverse order: runs of 4 x 4 and 8 x 6 bits.
  Plan plan;
  View rows{DType::kF4, {6, 4}, {}};
  for (int i = 0; i < 6; ++i) rows.pieces.push_back({four, (5 - i) * 4, i * 4, {{4, 1, 1}}});
  add_output(plan, "four", rows);
  View blocks{DType::kF6E2M3, {3, 8}, {}};
  for (int i = 0; i < 3; ++i) blocks.pieces.push_back({six, (2 - i) * 8, i * 8, {{2, 4, 4}, {4, 1, 1}}});
  add_output(plan, "six", blocks);
  execute(plan, source.checkpoint, folder.path(), quick_options(2));
  const std::string shard = read_file(folder.path() / "shard-0");
  const std::string from = source.bytes_of(four) + source.bytes_of(six);
  for (std::size_t i = 0; i < 6; ++i) CHECK(shard.substr(6 + 2 * i, 2) == from.substr(2 * (5 - i), 2));
  for (std::size_t i = 0; i < 3; ++i) CHECK(shard.substr(18 + 6 * i, 6) == from.substr(12 + 6 * (2 - i), 6));

  Plan turned;
  add_output(turned, "t", permuted_view(four, DType::kF4, {6, 4}, {1, 0}));
  CHECK_THROWS_WITH(
      execute(turned, source.checkpoint, folder.path(), quick_options(2)),
      Catch::Contains("t: error[plan-sub-byte]: F4 elements of 4 bits cannot be moved one by one"));
}

TEST_CASE("a piece that leaves its tensors is refused before a byte moves") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto i = source.add("s", DType::kU8, {10});
  source.write();
  for (const Piece& piece :
       {Piece{i, 1, 0, {{10, 1, 1}}}, Piece{i, 0, 1, {{10, 1, 1}}}, Piece{7, 0, 0, {}}, Piece{i, -1, 0, {}},
        Piece{i, 0, 0, {{10, INT64_MAX, 1}}}, Piece{i, 0, 0, {{10, 1, 0}}}}) {
    Plan plan;
    add_output(plan, "o", {DType::kU8, {10}, {piece}});
    CHECK_THROWS_AS(execute(plan, source.checkpoint, folder.path(), quick_options(1)), std::logic_error);
  }
}

TEST_CASE("a source that was cut short or written to is refused, mapped or read", "[sigbus]") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto i = source.add("s", DType::kU16, {4000, 3000});
  source.write();
  const auto path = source.checkpoint.shards[0].path;
  for (const bool strided : {false, true}) {
    Plan plan;
    add_output(plan, "o",
               permuted_view(i, DType::kU16, {4000, 3000}, strided ? std::vector{1, 0} : std::vector{0, 1}));
    EngineOptions options = quick_options(2);
    // Cut once the first bytes are written, so that opening it found nothing.
    std::atomic<bool> cut = false;
    options.hash = HashKind::kNone;
    Watcher watcher;
    watcher.seen = [&](std::uint64_t, std::uint64_t) {
      if (!cut.exchange(true)) std::filesystem::resize_file(path, 9000);
    };
    CHECK_THROWS_AS(execute(plan, source.checkpoint, folder.path(), options, watcher), UserError);
    CHECK_THROWS_WITH(
        execute(plan, source.checkpoint, folder.path(), quick_options(2)),
        Catch::Contains("the file changed while it was being read: it had 24000008 bytes and has 9000"));
    source.checkpoint.shards.clear();
    source.write();
  }
  std::filesystem::last_write_time(path,
                                   std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
  Plan plan;
  add_output(plan, "o", permuted_view(i, DType::kU16, {4000, 3000}, {0, 1}));
  CHECK_THROWS_WITH(execute(plan, source.checkpoint, folder.path(), quick_options(2)),
                    Catch::Contains("written to"));
}

TEST_CASE("an observer that says stop ends the run") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto i = source.add("s", DType::kU8, {40 << 20});
  source.write();
  Plan plan;
  add_output(plan, "o", permuted_view(i, DType::kU8, {40 << 20}, {0}));
  Watcher watcher;
  std::uint64_t seen = 0;
  watcher.seen = [&](std::uint64_t done, std::uint64_t) {
    seen = done;
    watcher.stop = true;
  };
  CHECK_THROWS_AS(execute(plan, source.checkpoint, folder.path(), quick_options(2), watcher), Interrupted);
  CHECK(seen > 0);
  CHECK(seen < 20 << 20);
}

TEST_CASE("progress never goes back and ends at all bytes") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto i = source.add("s", DType::kU8, {40 << 20});
  source.write();
  Plan plan;
  add_output(plan, "o", permuted_view(i, DType::kU8, {40 << 20}, {0}));
  Watcher watcher;
  std::vector<std::uint64_t> seen;
  watcher.seen = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == 40 << 20);
    seen.push_back(done);
  };
  const EngineResult result = execute(plan, source.checkpoint, folder.path(), quick_options(3), watcher);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == 40 << 20);
  CHECK(result.bytes_written == 40 << 20);
}

TEST_CASE("a full disk is a system error that says how much is needed") {
  const TemporaryFolder folder;
  const auto disk = folder.path() / "disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
    WARN("skipped: a small tmpfs cannot be mounted here");
    return;
  }
  HandMadeSource source(folder.path());
  const auto i = source.add("s", DType::kU8, {3 << 20});
  source.write();
  Plan plan;
  add_output(plan, "o", permuted_view(i, DType::kU8, {3 << 20}, {0}));
  std::string message;
  int number = 0;
  try {
    execute(plan, source.checkpoint, disk, quick_options(2));
  } catch (const SystemError& error) {
    message = error.what();
    number = error.error_number();
  }
  umount2(disk.c_str(), MNT_DETACH);
  CHECK(number == ENOSPC);
  CHECK(message ==
        fmt::format("cannot reserve space for {}/shard-0: No space left on device\n  It takes 3.15 MB.",
                    disk.native()));
}

TEST_CASE("shards of an earlier run are left alone and their hashes kept") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  std::mt19937 random(5);
  const Plan plan = random_plan(source, random);
  source.write();
  for (const HashKind kind : {HashKind::kXxh3, HashKind::kSha256}) {
    EngineOptions options = quick_options(2);
    options.hash = kind;
    FinishedShards log;
    std::vector<FinishedShard>& finished = log.all;
    options.log = &log;
    const EngineResult all = execute(plan, source.checkpoint, folder.path(), options);
    REQUIRE(finished.size() == 3);
    CHECK(all.shard_hashes.size() == (kind == HashKind::kSha256 ? 3 : 0));
    for (const FinishedShard& shard : finished) {
      for (const auto& [key, hash] : shard.outputs) {
        CHECK_FALSE(hash.xxh3.empty());
        CHECK(hash.sha256.empty() == (kind != HashKind::kSha256));
      }
    }

    options.finished = {finished[1]};
    const auto kept = folder.path() / finished[1].name;
    const auto before = std::filesystem::last_write_time(kept);
    finished.clear();
    const EngineResult rest = execute(plan, source.checkpoint, folder.path(), options);
    CHECK(finished.size() == 2);
    CHECK(std::filesystem::last_write_time(kept) == before);
    CHECK(rest.source_hashes == all.source_hashes);
    CHECK(rest.output_hashes == all.output_hashes);
    CHECK(rest.shard_hashes == all.shard_hashes);
    CHECK(std::set(all.source_hashes.begin(), all.source_hashes.end()).size() == all.source_hashes.size());
    Expected(plan, source).check_files(folder.path());
  }
}
