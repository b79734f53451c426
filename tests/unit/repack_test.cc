// Words of AWQ and GPTQ as those of compressed-tensors: the same numbers, and every byte comes back.
#include <catch2/catch.hpp>
#include <random>

#include "held_values.h"
#include "values/evaluate.h"

namespace tenon {
namespace {

class Maker {
 public:
  // Any bits, so many of them.
  Held words(std::int64_t rows, std::int64_t columns) {
    std::vector<std::uint32_t> out(static_cast<std::size_t>(rows * columns));
    for (auto& word : out) word = static_cast<std::uint32_t>(random_());
    return held(DType::kI32, {rows, columns}, out);
  }

  // Positive, finite, of many mantissas.
  Held scales(DType dtype, std::int64_t rows, std::int64_t columns) {
    std::vector<std::uint16_t> halves(static_cast<std::size_t>(rows * columns));
    std::vector<float> floats(halves.size());
    for (auto& half : halves)
      half = static_cast<std::uint16_t>(dtype == DType::kF16 ? 0x2000 + random_() % 0x1000
                                                             : 0x3C00 + random_() % 0x300);
    for (auto& number : floats) number = 0.01F + static_cast<float>(random_() % 65536) / 65536.0F;
    return dtype == DType::kF32 ? held(dtype, {rows, columns}, floats) : held(dtype, {rows, columns}, halves);
  }

  // Zero points below `limit`.
  Held zeros(std::int64_t bits, std::int64_t rows, std::int64_t columns, std::uint32_t limit) {
    Held out = words(rows, columns * bits / 32);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t word = 0; word < columns * bits / 32; ++word) {
        std::uint32_t made = 0;
        for (std::int64_t bit = 0; bit < 32; bit += bits)
          made |= static_cast<std::uint32_t>(random_() % limit) << bit;
        std::memcpy(out.bytes.data() + 4 * (row * columns * bits / 32 + word), &made, 4);
      }
    }
    return out;
  }

 private:
  std::mt19937 random_{5};
};

Held in_order(std::int64_t inputs, std::int64_t group) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < inputs; ++i) out.push_back(static_cast<std::int32_t>(i / group));
  return held(DType::kI32, {inputs}, out);
}

// There, and back by the inverse with what is kept.
void check_way_back(const std::string& name, const ValueParameters& parameters, const HeldByRole& inputs,
                    const std::vector<std::string>& kept) {
  INFO(name);
  const HeldByRole made = run(name, parameters, inputs);
  const Derivation d = derivation(name, parameters, inputs, made);
  const WayBackOfValues way = way_back_of(d);
  CHECK(way.exact);
  CHECK(way.kept == kept);
  const auto inverse = d.step->inverse();
  const ValueStep& back = *inverse->value_step();
  HeldByRole given = made;
  for (const auto& role : kept) given[role] = inputs.at(role);
  HeldByRole returned = run(back.value().name, back.parameters(), given);
  for (const auto& role : kept) returned[role] = inputs.at(role);
  for (const auto& [role, was] : inputs) {
    CAPTURE(role);
    REQUIRE(returned.contains(role));
    CHECK(returned.at(role).dtype == was.dtype);
    CHECK(returned.at(role).shape == was.shape);
    CHECK(returned.at(role).bytes == was.bytes);
  }
}

void check_same_numbers(const std::string& decodes, ValueParameters parameters, const HeldByRole& inputs,
                        std::int64_t bits, std::int64_t group, const HeldByRole& packed) {
  const HeldByRole numbers = run(decodes, parameters, inputs);
  parameters = {{"num_bits", static_cast<double>(bits)},
                {"symmetric", !packed.contains("weight_zero_point")}};
  parameters["strategy"] = std::string(group < 1 ? "channel" : "group");
  if (group >= 1) parameters["group_size"] = static_cast<double>(group);
  const HeldByRole again = run("PackedDequantize", parameters, packed);
  CHECK(again.at("weight").dtype == numbers.at("weight").dtype);
  CHECK(again.at("weight").shape == numbers.at("weight").shape);
  CHECK(again.at("weight").bytes == numbers.at("weight").bytes);
}

// The end of the diagnostic's id, and its message.
ValueError refusal_of(const std::string& name, const ValueParameters& parameters, const HeldByRole& inputs) {
  ValueTensors tensors;
  for (const auto& [role, tensor] : inputs)
    tensors.emplace(role, ValueTensor{tensor.dtype, tensor.shape, tensor.bytes.data()});
  try {
    apply_value_operation(name, parameters, tensors);
  } catch (const ValueError& error) {
    return error;
  }
  return {};
}

TEST_CASE("AWQ's words are repacked and come back", "[values][lemmas]") {
  Maker make;
  struct Case {
    std::int64_t in;
    std::int64_t out;
    std::int64_t group;
    bool zeros;
    DType scale;
  };
  for (const Case& c : {Case{128, 64, 32, true, DType::kF16}, Case{128, 64, -1, true, DType::kBF16},
                        Case{20, 16, 10, true, DType::kF32}, Case{64, 8, 64, false, DType::kF16}}) {
    CAPTURE(c.in, c.out, c.group);
    const std::int64_t groups = c.group < 1 ? 1 : c.in / c.group;
    const ValueParameters parameters = {{"group_size", static_cast<double>(c.group)},
                                        {"zero_point", c.zeros}};
    HeldByRole inputs = {{"qweight", make.words(c.in, c.out / 8)},
                         {"scales", make.scales(c.scale, groups, c.out)}};
    if (c.zeros) inputs["qzeros"] = make.words(groups, c.out / 8);
    check_way_back("AwqToPacked", parameters, inputs, {});
    const HeldByRole packed = run("AwqToPacked", parameters, inputs);
    check_same_numbers("AwqDequantize", parameters, inputs, 4, c.group, packed);
    if (c.in % 8 == 0) check_way_back("PackedToAwq", parameters, packed, {});
    // Zero points that nobody reads are kept.
    if (c.zeros) continue;
    inputs["qzeros"] = make.words(groups, c.out / 8);
    check_way_back("AwqToPacked", parameters, inputs, {"qzeros"});
  }
}

TEST_CASE("GPTQ's words are repacked and come back", "[values][lemmas]") {
  Maker make;
  for (const std::int64_t bits : {1, 2, 4, 8}) {
    for (const std::string format : {"gptq", "gptq_v2"}) {
      for (const std::int64_t group : {32, -1}) {
        for (const DType scale : {DType::kF16, DType::kBF16, DType::kF32}) {
          CAPTURE(bits, format, group);
          const std::int64_t in = 96;
          const std::int64_t out = 64;
          const std::int64_t groups = group < 1 ? 1 : in / group;
          const ValueParameters parameters = {{"num_bits", static_cast<double>(bits)},
                                              {"group_size", static_cast<double>(group)},
                                              {"format", format}};
          const std::uint32_t limit = (1U << bits) - (format == "gptq" ? 1U : 0U);
          HeldByRole inputs = {{"qweight", make.words(in * bits / 32, out)},
                               {"qzeros", make.zeros(bits, groups, out, limit)},
                               {"scales", make.scales(scale, groups, out)}};
          check_way_back("GptqToPacked", parameters, inputs, {});
          const HeldByRole packed = run("GptqToPacked", parameters, inputs);
          check_same_numbers("GptqDequantize", parameters, inputs, bits, group, packed);
          check_way_back("PackedToGptq", parameters, packed, {});
          inputs["g_idx"] = in_order(in, group < 1 ? in : group);
          check_way_back("GptqToPacked", parameters, inputs, {"g_idx"});
        }
      }
    }
  }
}

TEST_CASE("what repacked words have no place for is kept", "[values][lemmas]") {
  Maker make;
  const ValueParameters parameters = {{"group_size", 10.0}};
  HeldByRole inputs = {{"weight_packed", make.words(16, 3)},
                       {"weight_scale", make.scales(DType::kF16, 16, 2)},
                       {"weight_shape", held<std::int64_t>(DType::kI64, {2}, {16, 20})},
                       {"weight_zero_point", make.words(2, 2)}};
  // Bits behind the last number of a row.
  check_way_back("PackedToAwq", parameters, inputs,
                 {"weight_packed", "weight_scale", "weight_shape", "weight_zero_point"});
  // A shape in another dtype.
  inputs["weight_packed"] = make.words(16, 5);
  inputs["weight_shape"] = held<std::int32_t>(DType::kI32, {2}, {16, 40});
  inputs["weight_scale"] = make.scales(DType::kF16, 16, 4);
  inputs["weight_zero_point"] = make.words(2, 4);
  check_way_back("PackedToAwq", parameters, inputs, {"weight_shape"});
}

TEST_CASE("words that cannot be repacked are refused", "[values]") {
  Maker make;
  const ValueParameters parameters = {{"num_bits", 4.0}, {"group_size", 32.0}};
  HeldByRole inputs = {{"qweight", make.words(8, 16)},
                       {"qzeros", make.zeros(4, 2, 16, 15)},
                       {"scales", make.scales(DType::kF16, 2, 16)},
                       {"g_idx", in_order(64, 32)}};
  CHECK(refusal_of("GptqToPacked", parameters, inputs).word.empty());
  CHECK(refusal_of("GptqToPacked", {{"num_bits", 3.0}, {"group_size", 32.0}}, inputs).word == "parameter");
  CHECK(refusal_of("GptqToPacked", {{"num_bits", 4.0}, {"group_size", 16.0}}, inputs).word == "shape");
  std::vector<std::int32_t> order;
  for (int i = 0; i < 64; ++i) order.push_back(i % 2);
  inputs["g_idx"] = held(DType::kI32, {64}, order);
  const ValueError other_order = refusal_of("GptqToPacked", parameters, inputs);
  CHECK(other_order.word == "shape");
  CHECK(other_order.role == "g_idx");

  HeldByRole packed = {{"weight_packed", make.words(16, 8)},
                       {"weight_scale", make.scales(DType::kF16, 16, 2)},
                       {"weight_zero_point", make.zeros(4, 2, 16, 1)}};
  CHECK(refusal_of("PackedToGptq", {{"num_bits", 3.0}, {"group_size", 32.0}}, packed).word == "parameter");
  CHECK(refusal_of("PackedToGptq", {{"num_bits", 4.0}, {"group_size", 64.0}}, packed).word == "shape");
  packed["weight_shape"] = held<std::int64_t>(DType::kI64, {2}, {16, 56});
  CHECK(refusal_of("PackedToGptq", parameters, packed).word == "shape");
  packed["weight_shape"] = held<std::int64_t>(DType::kI64, {2}, {16, 64});
  packed.erase("weight_zero_point");
  CHECK(refusal_of("PackedToGptq", parameters, packed).word == "missing");

  // The first format stores zero points less one, and has none for 0: both evaluators say so.
  const Held zeros = make.zeros(4, 2, 2, 1);
  const ValueTensors tensors = {{"weight_packed", {DType::kI32, {16, 8}, nullptr}},
                                {"weight_scale", {DType::kF16, {16, 2}, nullptr}},
                                {"weight_zero_point", {DType::kI32, {2, 2}, nullptr}}};
  const auto piece = apply_value_operation("PackedToGptq", parameters, tensors).at("qzeros").pieces.front();
  const Bytes none(16);
  const Nest nest{piece.extents, {{none.data(), none.size(), 0, piece.operands.front().strides}}};
  Bytes out(16);
  CHECK(Interpreter(piece.recipe).run(nest, out.data()));
  CHECK(evaluate(piece.recipe, nest, 0).refused);
}

}  // namespace
}  // namespace tenon
