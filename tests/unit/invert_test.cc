#include "rules/invert.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace tenon;

namespace {

using Does = decltype(Operation::does);

Operation operation(Does does) {
  return {std::move(does), {}, std::nullopt};
}

Operation random_operation(std::mt19937& random) {
  const int dim = static_cast<int>(random() % 4) - 1;
  const bool flag = random() % 2 == 0;
  switch (random() % 11) {
    case 0:
      return operation(Chunk{dim, "parts", {PartSizes::Kind::kEqual, {}}});
    case 1:
      return operation(Concatenate{dim, "", {PartSizes::Kind::kListed, {{"3", {}, 3}, {"5", {}, 5}}}});
    case 2:
      return operation(MergeModulelist{dim});
    case 3:
      return operation(SplitModulelist{dim});
    case 4:
      return operation(Transpose{dim, dim + 1, flag, {}, false});
    case 5:
      return operation(Interleave{dim, flag});
    case 6:
      return operation(Conv3dToLinear{Number{"3", {}, 3}, {}});
    case 7:
      return operation(LinearToConv3d{Number{"3", {}, 3}, {}});
    case 8:
      return operation(PermuteForRope{"text_config", {"q"}, flag, 4});
    case 9:
      return operation(ErnieFuseAndSplitTextVisionExperts{dim, dim + 1});
    default:
      return operation(ErnieSplitAndDecoupleTextVisionExperts{dim, dim + 1});
  }
}

Transform random_transform(std::mt19937& random) {
  Transform t;
  const std::vector<TransformKind> kinds = {TransformKind::kWeightRenaming, TransformKind::kGroupWeightRename,
                                            TransformKind::kPrefixChange, TransformKind::kWeightConverter};
  t.kind = kinds[random() % kinds.size()];
  if (t.kind == TransformKind::kPrefixChange) {
    (random() % 2 == 0 ? t.prefix_to_add : t.prefix_to_remove) = "model";
    t.model_prefix = random() % 2 == 0 ? "vlm" : "";
    derive_prefix_patterns(t);
    return t;
  }
  const std::size_t count = t.kind == TransformKind::kGroupWeightRename ? 3 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    t.source_patterns.push_back("a" + std::to_string(i));
    t.target_patterns.push_back("b" + std::to_string(i));
  }
  std::shuffle(t.source_patterns.begin(), t.source_patterns.end(), random);
  std::shuffle(t.target_patterns.begin(), t.target_patterns.end(), random);
  for (std::size_t i = random() % 4; t.kind == TransformKind::kWeightConverter && i > 0; --i)
    t.operations.push_back(random_operation(random));
  return t;
}

// What an operation is, with every parameter that counts.
std::string spelled(const Operation& o) {
  std::string out = to_string(o);
  if (const auto* const t = std::get_if<Transpose>(&o.does)) out += t->inverted ? " inverted" : "";
  if (const auto* const c = std::get_if<Chunk>(&o.does)) out += std::to_string(c->sizes.listed.size());
  if (const auto* const c = std::get_if<Concatenate>(&o.does)) out += std::to_string(c->sizes.listed.size());
  if (const auto* const p = std::get_if<PermuteForRope>(&o.does)) out += std::to_string(*p->heads);
  return out;
}

}  // namespace

TEST_CASE("the inverse of the inverse is the transform") {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const Transform t = random_transform(random);
    const Transform once = invert(t);
    const Transform twice = invert(once);
    INFO(describe(t));
    CHECK(once.inverted);
    CHECK_FALSE(twice.inverted);
    CHECK(twice.source_patterns == t.source_patterns);
    CHECK(twice.target_patterns == t.target_patterns);
    CHECK(twice.prefix_to_add == t.prefix_to_add);
    CHECK(twice.prefix_to_remove == t.prefix_to_remove);
    REQUIRE(twice.operations.size() == t.operations.size());
    for (std::size_t o = 0; o < t.operations.size(); ++o)
      CHECK(spelled(twice.operations[o]) == spelled(t.operations[o]));
  }
}

TEST_CASE("each operation has its inverse") {
  const auto inverse = [](Does does) { return to_string(invert(operation(std::move(does)))); };
  CHECK(inverse(Chunk{1, "", {}}) == "Concatenate(dim=1)");
  CHECK(inverse(MergeModulelist{0}) == "SplitModulelist(dim=0)");
  CHECK(inverse(Transpose{0, 2, false, {}, false}) == "Transpose(dim0=2, dim1=0)");
  CHECK(inverse(Interleave{1, false}) == "Interleave(dim=1, inverse)");
  CHECK(inverse(PermuteForRope{"", {"q"}, false, 2}) == "PermuteForRope(inverse)");
  CHECK(inverse(Conv3dToLinear{}) == "LinearToConv3d");
  CHECK(inverse(ErnieFuseAndSplitTextVisionExperts{0, 1}) ==
        "ErnieSplitAndDecoupleTextVisionExperts(stack_dim=0, concat_dim=1)");
}

TEST_CASE("operations are inverted in reverse order") {
  Transform t;
  t.kind = TransformKind::kWeightConverter;
  t.source_patterns = {"a*.x", "a*.y"};
  t.target_patterns = {"b"};
  t.operations = {operation(MergeModulelist{0}), operation(Concatenate{1, "", {}})};
  const Transform back = invert(t);
  CHECK(back.source_patterns == std::vector<std::string>{"b"});
  CHECK(to_string(back.operations[0]) == "Chunk(dim=1)");
  CHECK(to_string(back.operations[1]) == "SplitModulelist(dim=0)");
}

TEST_CASE("the pairs of a group are ordered so that the guard comes first") {
  Transform t;
  t.kind = TransformKind::kGroupWeightRename;
  t.source_patterns = {"norm1", "norm0"};
  t.target_patterns = {"norm2", "norm1"};
  const Transform back = invert(t);
  CHECK(back.source_patterns == std::vector<std::string>{"norm1", "norm2"});
  CHECK(back.target_patterns == std::vector<std::string>{"norm0", "norm1"});
}

TEST_CASE("a list is inverted from its end, without what is not kept and what is forward only") {
  std::vector<Transform> list(4);
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].source_patterns = {"a" + std::to_string(i)};
    list[i].target_patterns = {"b" + std::to_string(i)};
  }
  list[1].forward_only = true;
  const auto back = invert(list, [](const Transform& t) { return t.source_patterns.front() != "a2"; });
  REQUIRE(back.size() == 2);
  CHECK(back[0].source_patterns.front() == "b3");
  CHECK(back[1].source_patterns.front() == "b0");
}
