// What the plan says of the way back (plan/way_back_of_values.h), measured: every code, there and back by the
// interpreter, over scales of many mantissas and at the ends of the range.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "held_values.h"
#include "plan/way_back_of_values.h"

namespace tenon {
namespace {

// Numbers between two bounds: the first, one just below the second, and many mantissas of random exponents.
std::vector<float> scales_between(double least, double limit, std::size_t count) {
  std::mt19937 random(7);
  std::vector<float> out = {static_cast<float>(least), std::nextafter(static_cast<float>(limit), 0.0F)};
  std::uniform_real_distribution<double> exponent(std::log2(least), std::log2(limit));
  while (out.size() < count) {
    const auto value = static_cast<float>(std::exp2(exponent(random)));
    if (value >= least && value < limit) out.push_back(value);
  }
  return out;
}

// There, and back by the inverse with what is kept: which codes come back otherwise.
std::size_t lost(const std::string& name, const ValueParameters& parameters, const HeldByRole& inputs,
                 const std::string& codes) {
  const HeldByRole numbers = run(name, parameters, inputs);
  auto step = std::make_shared<ValueStep>(*find_value_row(name));
  step->set(parameters);
  const auto inverse = step->inverse();
  const ValueStep& back = *inverse->value_step();
  HeldByRole given = inputs;
  given.erase(codes);
  given["weight"] = numbers.at("weight");
  const HeldByRole returned = run(back.value().name, back.parameters(), given);
  const Bytes& was = inputs.at(codes).bytes;
  const Bytes& is = returned.at(codes).bytes;
  REQUIRE(was.size() == is.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < was.size(); ++i) different += was[i] != is[i] ? 1 : 0;
  return different;
}

TEST_CASE("FP8 codes come back within the range of scales", "[lemmas]") {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const ValueParameters parameters = {{"block_size", std::vector<std::int64_t>{1, 256}},
                                        {"dtype", std::string(name_of(dtype))}};
    HeldByRole inputs = {
        {"weight", held<std::uint8_t>(DType::kF8E4M3, {1, 256}, std::vector<std::uint8_t>(256))},
        {"weight_scale_inv", held<float>(DType::kF32, {1, 1}, {1.0F})}};
    const Derivation d = derivation("Fp8Dequantize", parameters, inputs, {{"weight", {dtype, {1, 256}, {}}}});
    const WayBackOfValues way = way_back_of(d);
    REQUIRE(way.exact);
    REQUIRE(way.range);
    REQUIRE(way.kept == std::vector<std::string>{"weight_scale_inv"});
    const std::vector<float> scales = scales_between(way.range->least, way.range->limit, 2000);
    const auto rows = static_cast<std::int64_t>(scales.size());
    std::vector<std::uint8_t> codes;
    for (std::int64_t row = 0; row < rows; ++row) {
      // Beyond the largest number of F16 the way there refuses.
      for (int code = 0; code < 256; ++code) codes.push_back(static_cast<std::uint8_t>(code));
    }
    inputs["weight"] = held(DType::kF8E4M3, {rows, 256}, codes);
    inputs["weight_scale_inv"] = held(DType::kF32, {rows, 1}, scales);
    CHECK(lost("Fp8Dequantize", parameters, inputs, "weight") == 0);
  }
}

TEST_CASE("MXFP4 codes come back for the powers that are allowed", "[lemmas]") {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const ValueParameters parameters = {{"dtype", std::string(name_of(dtype))}, {"transpose", false}};
    std::vector<std::uint8_t> powers;
    const WayBackOfValues way = way_back_of(
        derivation("Mxfp4Dequantize", parameters,
                   {{"blocks", {DType::kU8, {1, 1, 16}, {}}}, {"scales", {DType::kU8, {1, 1}, {}}}},
                   {{"weight", {dtype, {1, 32}, {}}}}));
    REQUIRE(way.range);
    for (int code = 0; code < 255; ++code) {
      const double value = std::ldexp(1.0, code - 127);
      if (value >= way.range->least && value < way.range->limit)
        powers.push_back(static_cast<std::uint8_t>(code));
    }
    REQUIRE(powers.size() > 30);
    const auto rows = static_cast<std::int64_t>(powers.size());
    std::vector<std::uint8_t> blocks;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (int i = 0; i < 16; ++i) blocks.push_back(static_cast<std::uint8_t>(i | (15 - i) << 4));
    }
    const HeldByRole inputs = {{"blocks", held(DType::kU8, {rows, 1, 16}, blocks)},
                               {"scales", held(DType::kU8, {rows, 1}, powers)}};
    CHECK(lost("Mxfp4Dequantize", parameters, inputs, "blocks") == 0);
  }
}

TEST_CASE("NVFP4 codes come back within the range", "[lemmas]") {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const ValueParameters parameters = {{"dtype", std::string(name_of(dtype))},
                                        {"style", std::string("modelopt")}};
    const WayBackOfValues way = way_back_of(derivation("NVFP4Dequantize", parameters,
                                                       {{"weight", {DType::kU8, {1, 8}, {}}},
                                                        {"weight_scale", {DType::kF8E4M3, {1, 1}, {}}},
                                                        {"weight_scale_2", {DType::kF32, {}, {}}}},
                                                       {{"weight", {dtype, {1, 16}, {}}}}));
    REQUIRE(way.range);
    REQUIRE(way.kept.size() == 2);
    std::vector<std::uint8_t> scales;
    std::vector<std::uint8_t> codes;
    for (int code = 1; code < 0x7F; ++code) {
      scales.push_back(static_cast<std::uint8_t>(code));
      for (int i = 0; i < 8; ++i) codes.push_back(static_cast<std::uint8_t>(i | (i + 8) << 4));
    }
    const auto rows = static_cast<std::int64_t>(scales.size());
    // E4M3 goes from 2^-9 to 448.
    for (const float global : scales_between(way.range->least * 0x1p9, way.range->limit / 448, 60)) {
      const HeldByRole inputs = {{"weight", held(DType::kU8, {rows, 8}, codes)},
                                 {"weight_scale", held(DType::kF8E4M3, {rows, 1}, scales)},
                                 {"weight_scale_2", held<float>(DType::kF32, {}, {global})}};
      CHECK(lost("NVFP4Dequantize", parameters, inputs, "weight") == 0);
    }
  }
}

TEST_CASE("Packed integers come back", "[lemmas]") {
  std::mt19937 random(11);
  for (const int bits : {2, 3, 4, 5, 8}) {
    for (const DType scale : {DType::kBF16, DType::kF16, DType::kF32}) {
      const std::int64_t rows = 64;
      const std::int64_t columns = 256;
      const ValueParameters parameters = {
          {"num_bits", static_cast<double>(bits)}, {"strategy", std::string("channel")}, {"symmetric", true}};
      HeldByRole inputs;
      std::vector<std::uint32_t> words(static_cast<std::size_t>(rows * columns * bits / 32));
      for (auto& word : words) word = static_cast<std::uint32_t>(random());
      inputs["weight_packed"] = held(DType::kI32, {rows, columns * bits / 32}, words);
      std::vector<std::uint16_t> halves;
      std::vector<float> floats;
      for (std::int64_t i = 0; i < rows; ++i) {
        halves.push_back(static_cast<std::uint16_t>(scale == DType::kBF16 ? 0x3A00 + random() % 512
                                                                          : 0x1000 + random() % 0x1000));
        floats.push_back(std::ldexp(1.0F + static_cast<float>(random() % 8192) / 8192.0F, -9));
      }
      inputs["weight_scale"] =
          scale == DType::kF32 ? held(scale, {rows, 1}, floats) : held(scale, {rows, 1}, halves);
      inputs["weight_shape"] = held<std::int64_t>(DType::kI64, {2}, {rows, columns});
      const WayBackOfValues way = way_back_of(
          derivation("PackedDequantize", parameters, inputs, {{"weight", {scale, {rows, columns}, {}}}}));
      REQUIRE(way.exact);
      // Where the codes are not kept themselves, they come back.
      if (way.kept.size() == 2) CHECK(lost("PackedDequantize", parameters, inputs, "weight_packed") == 0);
      CHECK(way.kept.size() == 2);
    }
  }
}

bool is_nan16(DType dtype, std::uint16_t code) {
  const int exponent = dtype == DType::kF16 ? 0x7C00 : dtype == DType::kBF16 ? 0x7F80 : 0;
  return exponent != 0 && (code & exponent) == exponent && (code & 0x7FFF) != exponent;
}

TEST_CASE("Casts that are called exact lose no code", "[lemmas]") {
  const std::vector<DType> dtypes = {DType::kU8,     DType::kI8,     DType::kI16, DType::kU16,
                                     DType::kF8E4M3, DType::kF8E5M2, DType::kF16, DType::kBF16,
                                     DType::kF32,    DType::kF64,    DType::kI32, DType::kF8E8M0};
  int exact = 0;
  for (const DType from : dtypes) {
    if (bits_of(from) > 16) continue;
    for (const DType to : dtypes) {
      const auto count = std::int64_t{1} << bits_of(from);
      const WayBackOfValues way =
          way_back_of(derivation("Cast", {{"dtype", std::string(name_of(to))}},
                                 {{"input", {from, {count}, {}}}}, {{"output", {to, {count}, {}}}}));
      if (!way.exact) continue;
      ++exact;
      Bytes codes(static_cast<std::size_t>(count * bits_of(from) / 8));
      for (std::int64_t i = 0; i < count; ++i)
        std::memcpy(codes.data() + i * bits_of(from) / 8, &i, static_cast<std::size_t>(bits_of(from) / 8));
      const HeldByRole there =
          run("Cast", {{"dtype", std::string(name_of(to))}}, {{"input", {from, {count}, codes}}});
      const HeldByRole back =
          run("Cast", {{"dtype", std::string(name_of(from))}}, {{"input", there.at("output")}});
      INFO(name_of(from) << " to " << name_of(to));
      const Bytes& is = back.at("output").bytes;
      std::size_t different = 0;
      // A NaN stays one, of its sign; its payload is free.
      const auto size = static_cast<std::size_t>(bits_of(from) / 8);
      for (std::int64_t i = 0; i < count; ++i) {
        std::uint16_t code = 0;
        std::memcpy(&code, is.data() + static_cast<std::size_t>(i) * size, size);
        const bool same_nan = is_nan16(from, static_cast<std::uint16_t>(i)) && is_nan16(from, code) &&
                              ((code ^ i) & 0x8000) == 0;
        different += code != static_cast<std::uint16_t>(i) && !same_nan ? 1 : 0;
      }
      CHECK(different == 0);
    }
  }
  CHECK(exact > 20);
}

}  // namespace
}  // namespace tenon
