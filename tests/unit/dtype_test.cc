#include "tensor/dtype.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("every dtype's name parses back to it") {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(parse_dtype(name_of(dtype)) == dtype);
  }
  CHECK_FALSE(parse_dtype("F128"));
  CHECK_FALSE(parse_dtype("bf16"));
  CHECK_FALSE(parse_dtype("I32 "));
  CHECK_FALSE(parse_dtype(""));
}

TEST_CASE("the order of dtypes is that of the safetensors library") {
  CHECK(static_cast<int>(DType::kBool) == 0);
  CHECK(name_of(DType::kF8E5M2FNUZ) == "F8_E5M2FNUZ");
  CHECK(static_cast<int>(DType::kI16) == 11);
  CHECK(static_cast<int>(DType::kU64) == kDTypeCount - 1);
}

TEST_CASE("sizes in bytes") {
  CHECK(byte_size(DType::kBF16, {128, 4096}) == 1048576u);
  CHECK(byte_size(DType::kF64, {}) == 8u);
  CHECK(byte_size(DType::kF32, {3, 0, 5}) == 0u);
  CHECK(byte_size(DType::kF4, {2, 3}) == 3u);
  CHECK(byte_size(DType::kF6E2M3, {4}) == 3u);
}

TEST_CASE("a size that is no whole number of bytes, or does not fit, is none") {
  CHECK_FALSE(byte_size(DType::kF4, {3}));
  CHECK_FALSE(byte_size(DType::kF6E3M2, {5}));
  CHECK_FALSE(byte_size(DType::kU8, {1LL << 40, 1LL << 40}));
  CHECK_FALSE(byte_size(DType::kU8, {1LL << 40, 1LL << 40, 0}));
  CHECK(byte_size(DType::kU8, {0, 1LL << 40, 1LL << 40}) == 0u);
  CHECK(element_count({1LL << 62}) == 1ULL << 62);
  CHECK_FALSE(byte_size(DType::kU8, {1LL << 62}));
}

TEST_CASE("shapes are printed as lists") {
  CHECK(to_string(Shape{}) == "[]");
  CHECK(to_string(Shape{128, 4096}) == "[128, 4096]");
}
