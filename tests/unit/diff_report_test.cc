#include "report/diff_report.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

Checkpoint checkpoint_of(const std::string& directory, std::vector<Tensor> tensors) {
  Checkpoint checkpoint;
  checkpoint.directory = directory;
  checkpoint.tensors = std::move(tensors);
  return checkpoint;
}

}  // namespace

TEST_CASE("headers are compared in natural order") {
  const auto a = checkpoint_of("A", {{"l.2.w", DType::kF32, {2}, 0, 0, 8},
                                     {"l.10.w", DType::kF32, {2}, 0, 8, 8},
                                     {"x", DType::kBF16, {3, 4}, 0, 16, 24}});
  const auto b = checkpoint_of("B", {{"l.10.w", DType::kF32, {2}, 0, 0, 8},
                                     {"l.11.w", DType::kF32, {2}, 0, 8, 8},
                                     {"x", DType::kBF16, {4, 3}, 0, 16, 24}});
  const DiffReport report = compare_headers(a, b);
  CHECK_FALSE(report.same());
  CHECK(report.tensors_in_both == 2);
  CHECK(diff_text(report) ==
        "only in A (1):\n"
        "  l.2.w\n"
        "only in B (1):\n"
        "  l.11.w\n"
        "dtype or shape differs (1):\n"
        "  x  BF16 [3, 4] against BF16 [4, 3]\n"
        "different: 2 tensors in both, 0 B compared\n");
}

TEST_CASE("the first differing element is named with its values") {
  DiffReport report;
  report.a = "A";
  report.b = "B";
  report.tensors_in_both = 1;
  report.bytes_compared = 24;
  CHECK(report.same());
  CHECK(diff_text(report) == "the same: 1 tensor in both, 24 B compared\n");
  report.bytes.push_back({"x", DType::kBF16, {3, 4}, 5, "0x3f00", "0x3f80", {}});
  CHECK(diff_text(report) ==
        "bytes differ (1):\n"
        "  x  BF16 [3, 4]: first at [1, 1]: 0.5 (0x3f00) against 1 (0x3f80)\n"
        "different: 1 tensor in both, 24 B compared\n");
  CHECK(diff_json(report)["bytes"][0]["index"] == "[1, 1]");
  CHECK(diff_json(report)["same"] == false);
}

TEST_CASE("elements of every kind are shown") {
  CHECK(element_text(DType::kI8, "0xff") == "-1 (0xff)");
  CHECK(element_text(DType::kF16, "0x3c00") == "1 (0x3c00)");
  CHECK(element_text(DType::kF32, "0x7fc00000") == "nan (0x7fc00000)");
  CHECK(element_text(DType::kF64, "0x3ff8000000000000") == "1.5 (0x3ff8000000000000)");
  CHECK(element_text(DType::kI64, "0xffffffffffffffff") == "-1 (0xffffffffffffffff)");
  CHECK(element_text(DType::kF8E4M3, "0x38") == "0x38");
  CHECK(index_text({2, 4}, 6) == "[1, 2]");
  CHECK(index_text({}, 0) == "[]");
}
