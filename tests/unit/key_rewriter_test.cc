#include "rules/key_rewriter.h"

#include <catch2/catch.hpp>

#include "rules/invert.h"

using namespace tenon;

namespace {

Transform renaming(std::vector<std::string> sources, std::string target) {
  Transform t;
  t.source_patterns = std::move(sources);
  t.target_patterns = {std::move(target)};
  return t;
}

std::string applied(const Transform& t, std::string_view key) {
  const auto rewrite = KeyRewriter(t).apply(key);
  return rewrite ? rewrite->key : "(untouched)";
}

}  // namespace

TEST_CASE("a renaming replaces the text that it matched, where it first stands") {
  CHECK(applied(renaming({"\\.attn\\."}, "\\.self_attn\\."), "l.0.attn.q") == "l.0.self_attn.q");
  // The match is the last `ab`, but the first occurrence of its text is replaced: so does the reference.
  CHECK(applied(renaming({"ab$"}, "x"), "ab.ab") == "x.ab");
  CHECK(applied(renaming({"norm"}, "ln"), "attn.q") == "(untouched)");
}

TEST_CASE("a rewrite says what it did and where") {
  const Transform t = renaming({"\\.w1$", "\\.w3$"}, "\\.gate$");
  KeyRewriter rewriter(t);
  CHECK_FALSE(rewriter.used());
  const auto rewrite = rewriter.apply("mlp.w3");
  REQUIRE(rewrite);
  CHECK(rewrite->alternative == 1);
  CHECK(rewrite->matched == ".w3");
  CHECK(rewrite->replacement == ".gate");
  CHECK(rewrite->at == 3);
  CHECK(rewriter.used());
}

TEST_CASE("a group is carried over, and back") {
  const Transform t = renaming({"^blocks\\.(\\d+)\\.ln"}, "^layers\\.\\1\\.norm");
  CHECK(applied(t, "blocks.7.ln.weight") == "layers.7.norm.weight");
  CHECK(applied(invert(t), "layers.7.norm.weight") == "blocks.7.ln.weight");
  CHECK(applied(invert(renaming({"(.+)"}, "timm.\\1")), "timm.stem.weight") == "stem.weight");
}

TEST_CASE("an anchored partner anchors the inverse") {
  const Transform back = invert(renaming({"^encoder\\."}, "model.encoder."));
  CHECK(applied(back, "model.encoder.x") == "encoder.x");
  CHECK(applied(back, "vision.model.encoder.x") == "(untouched)");
}

TEST_CASE("a scoped transform sees only its part, with and without the base model's prefix") {
  Transform t = renaming({"^head\\."}, "^proj\\.");
  t.scope = Scope{"vision", "model"};
  CHECK(applied(t, "model.vision.head.w") == "model.vision.proj.w");
  CHECK(applied(t, "vision.head.w") == "vision.proj.w");
  CHECK(applied(t, "text.head.w") == "(untouched)");
  CHECK(applied(t, "head.w") == "(untouched)");
  t.scope = Scope{"", "model"};
  CHECK(applied(t, "model.head.w") == "model.proj.w");
  CHECK(applied(t, "head.w") == "proj.w");
}

TEST_CASE("a group of renamings waits for its guard") {
  Transform t;
  t.kind = TransformKind::kGroupWeightRename;
  t.source_patterns = {"norm0", "norm1"};
  t.target_patterns = {"norm1", "norm2"};
  KeyRewriter rewriter(t);
  CHECK_FALSE(rewriter.apply("l.norm1.w"));
  CHECK(rewriter.apply("l.norm0.w")->key == "l.norm1.w");
  CHECK(rewriter.apply("l.norm1.w")->key == "l.norm2.w");
}

TEST_CASE("a prefix is taken off, and put on where it is missing") {
  Transform t;
  t.kind = TransformKind::kPrefixChange;
  t.prefix_to_remove = "model";
  t.model_prefix = "vlm";
  derive_prefix_patterns(t);
  CHECK(applied(t, "vlm.model.head.w") == "vlm.head.w");
  CHECK(applied(t, "model.head.w") == "(untouched)");
  const Transform back = invert(t);
  CHECK(applied(back, "vlm.head.w") == "vlm.model.head.w");
  CHECK(applied(back, "vlm.model.head.w") == "(untouched)");
}

TEST_CASE("transforms that cannot carry their group say so") {
  Transform two = renaming({"\\.qkv$"}, "\\.(q)$");
  two.target_patterns.push_back("\\.(k)$");
  CHECK_THROWS_WITH(KeyRewriter(two), Catch::Contains("different capturing groups (q) and (k)"));
  CHECK_THROWS_WITH(KeyRewriter(renaming({"layers\\.\\1"}, "blocks")),
                    Catch::Contains("no target has a capturing group"));
}
