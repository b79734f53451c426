#include "engine/verify_written.h"

#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace tenon;

namespace {

void change_byte(const std::filesystem::path& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char old = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(old ^ 1));
}

}  // namespace

TEST_CASE("what was written agrees with the source until a bit flips, and then the element is named") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto a = source.add("a", DType::kU16, {300, 200});
  const auto b = source.add("b", DType::kU16, {300, 200});
  const auto c = source.add("c", DType::kU8, {50});
  source.write();
  Plan plan;
  add_output(plan, "turned",
             joined_view({permuted_view(a, DType::kU16, {300, 200}, {1, 0}),
                          permuted_view(b, DType::kU16, {300, 200}, {1, 0})},
                         false));
  add_output(plan, "c", permuted_view(c, DType::kU8, {50}, {0}), 1);
  EngineOptions options = quick_options(2);
  options.sync = true;
  execute(plan, source.checkpoint, folder.path(), options);
  CHECK(verify_written(plan, source.checkpoint, folder.path(), options).differences.empty());

  // Element (row 7, column 5) of the second half, which is (5, 7) of b.
  const std::uint64_t element = 60000 + 7 * 300 + 5;
  change_byte(folder.path() / "shard-0", plan.outputs[0].offset + 2 * element);
  change_byte(folder.path() / "shard-1", plan.outputs[1].offset + 49);
  const auto found = verify_written(plan, source.checkpoint, folder.path(), options).differences;
  REQUIRE(found.size() == 2);
  CHECK(found[0].output_key == "turned");
  CHECK(found[0].output_element == element);
  CHECK(found[0].source_key == "b");
  CHECK(found[0].source_element == 5 * 200 + 7);
  CHECK(found[0].written != found[0].expected);
  CHECK(to_string(found[0]) ==
        fmt::format("shard-0: element {} of 'turned' is {}; the source has {} (element 1007 of 'b')", element,
                    found[0].written, found[0].expected));
  CHECK(found[1].output_element == 49);
}

TEST_CASE("a shard that is missing, cut short or has another header is named") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  Plan plan;
  for (std::uint32_t i = 0; i < 3; ++i) {
    source.add(fmt::format("s{}", i), DType::kU8, {100});
    add_output(plan, fmt::format("o{}", i), permuted_view(i, DType::kU8, {100}, {0}), i);
  }
  source.write();
  execute(plan, source.checkpoint, folder.path(), quick_options(1));
  std::filesystem::remove(folder.path() / "shard-0");
  std::filesystem::resize_file(folder.path() / "shard-1", 99);
  change_byte(folder.path() / "shard-2", 3);
  const auto found = verify_written(plan, source.checkpoint, folder.path(), quick_options(1)).differences;
  REQUIRE(found.size() == 3);
  CHECK(to_string(found[0]) == "shard-0: the file is missing");
  CHECK(to_string(found[1]) == "shard-1: it has 99 bytes instead of 106");
  CHECK(to_string(found[2]) == "shard-2: its header differs at byte 3");
}

TEST_CASE("each of several copies of an element is compared, and one that stands still") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  const auto a = source.add("a", DType::kU16, {30, 20});
  const auto one = source.add("one", DType::kF32, {1});
  const auto b = source.add("b", DType::kU8, {100});
  source.write();
  Plan plan;
  add_output(plan, "first", permuted_view(a, DType::kU16, {30, 20}, {0, 1}));
  add_output(plan, "second", permuted_view(a, DType::kU16, {30, 20}, {1, 0}));
  add_output(plan, "everywhere", View{DType::kF32, {6}, {{one, 0, 0, {{6, 0, 1}}}}});
  // Bytes 20 to 59 twice, and 60 to 99 not at all, as only a plan without a way back has it.
  plan.one_way = true;
  add_output(plan, "overlapping",
             View{DType::kU8, {100}, {{b, 0, 0, {{60, 1, 1}}}, {b, 20, 60, {{40, 1, 1}}}}});
  const EngineOptions options = quick_options(2);
  execute(plan, source.checkpoint, folder.path(), options);
  REQUIRE(verify_written(plan, source.checkpoint, folder.path(), options).differences.empty());

  const auto found_after = [&](std::size_t output, std::uint64_t byte) {
    const std::uint64_t at = plan.outputs[output].offset + byte;
    change_byte(folder.path() / "shard-0", at);
    const auto found = verify_written(plan, source.checkpoint, folder.path(), options).differences;
    change_byte(folder.path() / "shard-0", at);
    return found.size() == 1 ? to_string(found[0]) : fmt::format("{} differences", found.size());
  };
  const auto names = [](const std::string& key, std::uint64_t element) {
    return Catch::Matchers::StartsWith(fmt::format("shard-0: element {} of '{}' is ", element, key));
  };
  CHECK_THAT(found_after(0, 0), names("first", 0));
  CHECK_THAT(found_after(0, 1199), names("first", 599));
  CHECK_THAT(found_after(1, 2), names("second", 1));
  for (std::uint64_t i = 0; i < 6; ++i) CHECK_THAT(found_after(2, 4 * i), names("everywhere", i));
  for (const std::uint64_t byte : {0, 19, 20, 59, 60, 99})
    CHECK_THAT(found_after(3, byte), names("overlapping", byte));
}
