// How far numbers are off when they come back (plan/laws.h), measured: many blocks, there and back by the
// interpreter.
#include "plan/laws.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "held_values.h"

namespace tenon {
namespace {

constexpr std::int64_t kColumns = 128;

std::vector<float> numbers_of(const Held& tensor) {
  const Coding coding = *coding_of(tensor.dtype);
  Recipe widen;
  widen.inputs.push_back({coding});
  widen.steps.push_back({StepKind::kMaximum, 0, 0});
  widen.result = {{Format::kF32, 32}};
  const auto count = static_cast<std::int64_t>(tensor.bytes.size() * 8 / coding.bits);
  std::vector<float> out(static_cast<std::size_t>(count));
  const Nest all{{count}, {{tensor.bytes.data(), tensor.bytes.size(), 0, {coding.bits}}}};
  REQUIRE_FALSE(Interpreter(widen).run(all, reinterpret_cast<std::byte*>(out.data())));
  return out;
}

// Rows of many magnitudes, each with numbers of many magnitudes below its largest, and some at the ends of
// what codes hold.
Held random_weight(DType dtype, std::int64_t rows, int least, int most) {
  std::mt19937 random(13);
  std::vector<float> numbers;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float top = std::ldexp(1 + static_cast<float>(random() % 1024) / 1024,
                                 least + static_cast<int>(random() % static_cast<unsigned>(most - least)));
    for (std::int64_t column = 0; column < kColumns; ++column) {
      float x = top * std::ldexp(static_cast<float>(random() % 4096) / 4096,
                                 -static_cast<int>(random() % (column % 4 == 0 ? 20 : 3)));
      if (column % 32 == 0) x = top;
      if (column % 32 == 1) x = top * (0.7F + 0.3F * static_cast<float>(random() % 1024) / 1024);
      if (row % 16 == 5) x = column == 7 ? 0x1p-30F * top : 0;
      numbers.push_back(row % 7 != 0 && random() % 2 == 0 ? -x : x);
    }
  }
  const Held floats = held(DType::kF32, {rows, kColumns}, numbers);
  if (dtype == DType::kF32) return floats;
  return run("Cast", {{"dtype", std::string(name_of(dtype))}}, {{"input", floats}}).at("output");
}

// The largest part of what the law allows that a number is off by.
double worst(const std::string& name, const ValueParameters& parameters, const std::string& role,
             const Held& weight, std::int64_t block, const ValueParameters& back_parameters) {
  const HeldByRole inputs = {{role, weight}};
  HeldByRole made = run(name, parameters, inputs);
  const Derivation what = derivation(name, parameters, inputs, made);
  const auto law = name == "Cast" ? law_of_cast(what) : law_of_codes(what);
  INFO(name);
  REQUIRE(law);
  auto step = std::make_shared<ValueStep>(*find_value_row(name));
  step->set(parameters);
  const auto inverse = step->inverse();
  ValueParameters back = inverse->value_step()->parameters();
  for (const auto& [key, value] : back_parameters) back[key] = value;
  back["dtype"] = std::string(name_of(weight.dtype));
  if (name == "Cast") made = {{"input", made.at("output")}};
  const HeldByRole returned = run(inverse->value_step()->value().name, back, made);
  const std::vector<float> was = numbers_of(weight);
  const std::vector<float> is = numbers_of(returned.begin()->second);
  REQUIRE(was.size() == is.size());
  double out = 0;
  for (std::size_t i = 0; i < was.size(); ++i) {
    const std::size_t first = i / static_cast<std::size_t>(block) * static_cast<std::size_t>(block);
    double largest = 0;
    for (std::size_t k = first; k < first + static_cast<std::size_t>(block); ++k)
      largest = std::max(largest, std::fabs(static_cast<double>(was[k])));
    const double x = was[i];
    const double allowed = law->relative * std::fabs(x) + law->of_largest * largest + law->tiny;
    out = std::max(out, std::fabs(is[i] - x) / allowed);
  }
  return out;
}

TEST_CASE("Casts keep to their law", "[laws]") {
  std::vector<float> floats;
  std::mt19937 random(3);
  while (floats.size() < 512 * kColumns) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(x) && std::fabs(x) < 0x1p127F) floats.push_back(x);
  }
  // Ties, which are off by all that the law allows.
  for (std::uint32_t k = 0; k < 512; ++k) floats[k] = std::bit_cast<float>(0x3F80'8000U + (k << 16));
  const Held all = held(DType::kF32, {512, kColumns}, floats);
  const double bf16 = worst("Cast", {{"dtype", std::string("BF16")}}, "input", all, 1, {});
  CHECK(bf16 <= 1);
  CHECK(bf16 > 0.9);
  for (float& x : floats) {
    int exponent = 0;
    const float fraction = std::frexp(x, &exponent);
    x = std::ldexp(fraction, exponent % 8);  // below 448, the largest number of E4M3
  }
  const Held small = held(DType::kF32, {512, kColumns}, floats);
  for (const char* dtype : {"F16", "F8_E4M3", "F8_E5M2"}) {
    const double off = worst("Cast", {{"dtype", std::string(dtype)}}, "input", small, 1, {});
    INFO(dtype);
    CHECK(off <= 1);
    CHECK(off > 0.8);
  }
}

TEST_CASE("Codes keep to their law", "[laws]") {
  const auto text = [](const char* word) { return std::string(word); };
  const auto block = [](std::int64_t columns) { return std::vector<std::int64_t>{1, columns}; };
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    INFO(name_of(dtype));
    const Held weight = random_weight(dtype, 512, -60, 60);
    const auto check = [&](const char* name, const ValueParameters& parameters, std::int64_t columns,
                           const ValueParameters& back = {}) {
      const double off = worst(name, parameters, "weight", weight, columns, back);
      INFO(name << " is off by " << off << " of its law");
      CHECK(off <= 1);
      CHECK(off > 0.1);  // a law that says little would be of no use
    };
    check("Fp8Quantize", {{"block_size", block(kColumns)}}, kColumns);
    check("Fp8Quantize", {{"block_size", block(kColumns)}, {"formula", text("divide")}}, kColumns);
    check("Fp8Quantize", {{"block_size", block(kColumns)}, {"scale_fmt", text("ue8m0")}}, kColumns);
    check("Fp8Quantize", {{"block_size", block(kColumns)}, {"scale_dtype", text("BF16")}}, kColumns);
    for (const char* rule : {"rceil", "floor", "even", "ceil"}) {
      INFO(rule);
      check("Mxfp4Quantize", {{"transpose", false}, {"scale", text(rule)}}, 32);
      check("PackedMxfp4Quantize", {{"scale", text(rule)}}, 32);
      check("Mxfp8Quantize", {{"scale", text(rule)}}, 32,
            {{"type", text("float")}, {"strategy", text("group")}, {"group_size", 32.0}});
    }
    check("ScaleQuantize", {{"type", text("float")}, {"strategy", text("channel")}}, kColumns);
    for (const bool symmetric : {true, false}) {
      for (const double bits : {3.0, 4.0, 8.0}) {
        INFO(bits);
        check("ScaleQuantize",
              {{"type", text("int")},
               {"strategy", text("group")},
               {"group_size", 32.0},
               {"num_bits", bits},
               {"symmetric", symmetric}},
              32);
        check(
            "PackedQuantize",
            {{"num_bits", bits}, {"strategy", text("group")}, {"group_size", 32.0}, {"symmetric", symmetric}},
            32);
      }
    }
  }
}

TEST_CASE("Laws say themselves", "[laws]") {
  const Law cast{0x1p-8, 0, 0};
  const Law codes{0.0625, 0.001, 0};
  CHECK(to_string(cast) == "within 2^-8 of themselves");
  CHECK(to_string(codes) == "within 2^-4 of themselves and 0.001 of their block's largest");
  // 0.06671 is rounded up, so that what is said can be asked for.
  CHECK(to_string(Law{0.06671, 0, 0}) == "within 0.0668 of themselves");
}

}  // namespace
}  // namespace tenon
