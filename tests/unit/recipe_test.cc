// The two evaluators of recipes against each other, and both against numbers made another way.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "values/evaluate.h"
#include "values/interpreter.h"

namespace tenon {
namespace {

constexpr Coding kFloat{Format::kF32, 32};

std::vector<Coding> small_codings() {
  return {{Format::kF16, 16},   {Format::kBF16, 16},    {Format::kE4M3, 8},     {Format::kE5M2, 8},
          {Format::kE8M0, 8},   {Format::kE2M1, 4},     {Format::kUnsigned, 8}, {Format::kSigned, 8},
          {Format::kSigned, 3}, {Format::kUnsigned, 5}, {Format::kSigned, 16}};
}

Recipe conversion(Coding from, Coding to, Overflow overflow = Overflow::kTorch) {
  Recipe recipe;
  recipe.inputs.push_back({from});
  recipe.result = {to, overflow};
  recipe.result.element_bits = to.bits <= 8 ? 8 : to.bits;
  return recipe;
}

// A nest over `count` codes that stand side by side.
Nest in_a_row(const std::vector<std::byte>& bytes, std::int64_t count, int bits) {
  return {{count}, {{bytes.data(), bytes.size(), 0, {bits}}}};
}

std::uint64_t element_of(const std::vector<std::byte>& bytes, std::size_t index, std::size_t size) {
  std::uint64_t element = 0;
  std::memcpy(&element, bytes.data() + index * size, size);
  return element;
}

// What both make of a nest, element by element, or where the first is refused.
void require_agreement(const Recipe& recipe, const Nest& nest) {
  INFO(to_string(recipe));
  Interpreter interpreter(recipe);
  const std::size_t size = interpreter.element_bytes();
  std::vector<std::byte> out(element_count(nest) * size);
  const auto refused = interpreter.run(nest, out.data());
  std::uint64_t differences = 0;
  std::optional<Refused> expected;
  for (std::uint64_t i = 0; i < element_count(nest); ++i) {
    const Evaluated one = evaluate(recipe, nest, i);
    if (one.refused) {
      expected = one.refused;
      break;
    }
    const auto is_nan = [&](std::uint64_t code) {
      return recipe.result.fields.empty() && is_nan_code(recipe.result.coding, code);
    };
    if (refused || (is_nan(one.element) && is_nan(element_of(out, i, size)))) continue;  // its sign is free
    if (one.element != element_of(out, i, size)) {
      if (differences++ == 0) {
        CAPTURE(i, one.element, element_of(out, i, size));
        CHECK(one.element == element_of(out, i, size));
      }
    }
  }
  REQUIRE(differences == 0);
  REQUIRE(refused.has_value() == expected.has_value());
  // The interpreter goes input by input and field by field through 4096 lanes, so it may meet another first.
  if (refused && recipe.result.fields.empty() && recipe.inputs.size() == 1 && element_count(nest) <= 1) {
    CHECK(refused->refusal == expected->refusal);
    CHECK(refused->element == expected->element);
  }
}

std::vector<std::byte> bytes_of(const std::vector<float>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * 4);
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

// All codes of up to 16 bits as bytes, each in a field of its own width.
std::vector<std::byte> all_codes(int bits) {
  const std::uint64_t count = std::uint64_t{1} << bits;
  std::vector<std::byte> bytes((count * static_cast<std::uint64_t>(bits) + 7) / 8);
  for (std::uint64_t code = 0; code < count; ++code) {
    for (int bit = 0; bit < bits; ++bit) {
      const std::uint64_t at = code * static_cast<std::uint64_t>(bits) + static_cast<std::uint64_t>(bit);
      if ((code >> bit & 1) != 0) bytes[at / 8] |= std::byte{1} << (at % 8);
    }
  }
  return bytes;
}

TEST_CASE("Every code of up to 16 bits is the same number in both evaluators", "[values]") {
  for (const Coding coding : small_codings()) {
    const auto bytes = all_codes(coding.bits);
    const Nest nest = in_a_row(bytes, std::int64_t{1} << coding.bits, coding.bits);
    require_agreement(conversion(coding, kFloat), nest);
    require_agreement(conversion(coding, {Format::kF64, 64}), nest);
  }
}

TEST_CASE("Every code that is no NaN comes back from a binary32", "[values]") {
  for (const Coding coding : small_codings()) {
    INFO(to_string(coding));
    const auto bytes = all_codes(coding.bits);
    const std::int64_t count = std::int64_t{1} << coding.bits;
    std::vector<std::byte> wide(static_cast<std::size_t>(count) * 4);
    Interpreter widen(conversion(coding, kFloat));
    REQUIRE(!widen.run(in_a_row(bytes, count, coding.bits), wide.data()));
    Interpreter narrow(conversion(kFloat, coding, Overflow::kTorch));
    std::uint64_t wrong = 0;
    for (std::int64_t code = 0; code < count; ++code) {
      if (is_nan_code(coding, static_cast<std::uint64_t>(code))) continue;
      std::vector<std::byte> back(8);
      const Nest one{{}, {{wide.data(), wide.size(), code * 32, {}}}};
      REQUIRE(!narrow.run(one, back.data()));
      wrong += element_of(back, 0, 8) != static_cast<std::uint64_t>(code) ? 1 : 0;
    }
    CHECK(wrong == 0);
  }
}

// Around every number of a format and every middle between two: there rounding decides.
std::vector<float> numbers_near(Coding coding) {
  std::vector<float> out;
  const auto bytes = all_codes(coding.bits);
  for (std::uint64_t code = 0; code + 1 < std::uint64_t{1} << coding.bits; ++code) {
    const auto at = [&](std::uint64_t c) {
      const Nest nest{{}, {{bytes.data(), bytes.size(), static_cast<std::int64_t>(c) * coding.bits, {}}}};
      const auto bits = static_cast<std::uint32_t>(evaluate(conversion(coding, kFloat), nest, 0).element);
      return std::bit_cast<float>(bits);
    };
    const float low = at(code);
    const float middle = low + (at(code + 1) - low) / 2;
    for (const float x : {low, middle}) {
      out.push_back(x);
      out.push_back(std::nextafter(x, INFINITY));
      out.push_back(std::nextafter(x, -INFINITY));
    }
  }
  return out;
}

std::vector<float> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (float& x : out) x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
  for (std::size_t i = 0; i < count; i += 7)
    out[i] = std::ldexp(static_cast<float>(random() % 2048) - 1024, -7);
  const float special[] = {0.0F,   -0.0F,      INFINITY,    -INFINITY, NAN,      -NAN,  448,
                           464,    464.00003F, 65504,       65520,     57344,    61440, 3.4028235e38F,
                           1e-45F, 0x1p-126F,  0x1.8p-127F, 0x1p-127F, 0x1.8p10F};
  for (std::size_t i = 0; i < std::size(special) && i < count; ++i) out[i] = special[i];
  return out;
}

TEST_CASE("Both evaluators round every binary32 to the same code", "[values]") {
  for (const Coding coding : small_codings()) {
    if (is_integer(coding)) continue;
    for (const Overflow overflow : {Overflow::kTorch, Overflow::kNan}) {
      Recipe recipe = conversion(kFloat, coding, overflow);
      for (const Ties ties : {Ties::kEven, Ties::kAway}) {
        recipe.result.ties = ties;
        const auto near = bytes_of(numbers_near(coding));
        require_agreement(recipe, in_a_row(near, static_cast<std::int64_t>(near.size() / 4), 32));
        const auto random = bytes_of(random_numbers(20000, 5));
        require_agreement(recipe, in_a_row(random, 20000, 32));
      }
    }
  }
}

TEST_CASE("A number without a code is refused by both, at the same element", "[values]") {
  struct Case {
    float number;
    Coding to;
    std::optional<Refusal> refusal;
  };
  const Coding e4m3{Format::kE4M3, 8};
  const Coding byte{Format::kUnsigned, 8};
  for (const Case& c :
       {Case{449, e4m3, {}}, Case{464.00003F, e4m3, Refusal::kRange}, Case{INFINITY, e4m3, Refusal::kRange},
        Case{NAN, e4m3, {}}, Case{INFINITY, {Format::kBF16, 16}, {}},
        Case{3.4e38F, {Format::kF16, 16}, Refusal::kRange}, Case{-1, {Format::kE8M0, 8}, Refusal::kRange},
        Case{0.5F, byte, Refusal::kInexact}, Case{256, byte, Refusal::kRange}, Case{255, byte, {}},
        Case{-1, byte, Refusal::kRange}, Case{NAN, byte, Refusal::kInexact}}) {
    CAPTURE(c.number, to_string(c.to));
    std::vector<float> numbers(5000, 1.0F);
    numbers[4500] = c.number;
    const auto bytes = bytes_of(numbers);
    std::vector<std::byte> out(5000 * 8);
    Recipe recipe = conversion(kFloat, c.to, Overflow::kError);
    const Nest nest = in_a_row(bytes, 5000, 32);
    const auto refused = Interpreter(recipe).run(nest, out.data());
    REQUIRE(refused.has_value() == c.refusal.has_value());
    const auto expected = evaluate(recipe, nest, 4500).refused;
    REQUIRE(expected.has_value() == c.refusal.has_value());
    if (!refused) continue;
    CHECK(refused->refusal == *c.refusal);
    CHECK(expected->refusal == *c.refusal);
    CHECK(refused->element == 4500);
  }
}

Coding random_coding(std::mt19937& random) {
  const auto all = small_codings();
  const std::size_t pick = random() % (all.size() + 1);
  return pick == all.size() ? kFloat : all[pick];
}

// Random steps over random inputs; the values stay where none of them is told to be one kind of number.
Recipe random_recipe(std::mt19937& random) {
  Recipe recipe;
  const std::size_t inputs = 1 + random() % 3;
  const std::size_t fields = random() % 3 == 0 ? 1 + random() % 4 : 0;
  for (std::size_t i = 0; i < inputs; ++i) {
    Input input{random_coding(random)};
    input.demand = static_cast<Demand>(random() % 12 == 0 ? random() % 4 : 0);
    if (random() % 4 == 0) {
      input.fold = static_cast<Fold>(1 + random() % 3);
      for (std::size_t k = 0; k < random() % 3; ++k)
        input.block.push_back({static_cast<std::int64_t>(1 + random() % 5),
                               input.coding.bits * static_cast<std::int64_t>(random() % 7)});
    }
    for (std::size_t f = 0; f < fields; ++f)
      input.by_field.push_back(static_cast<std::int64_t>(f) * input.coding.bits);
    if (random() % 3 == 0) input.by_field.clear();
    recipe.inputs.push_back(input);
  }
  static constexpr StepKind kKinds[] = {StepKind::kConstant,     StepKind::kAdd,       StepKind::kSubtract,
                                        StepKind::kMultiply,     StepKind::kDivide,    StepKind::kMinimum,
                                        StepKind::kMaximum,      StepKind::kMagnitude, StepKind::kRound,
                                        StepKind::kRoundInteger, StepKind::kOrIfZero,  StepKind::kOrIfNan,
                                        StepKind::kOrIfNotFinite};
  const std::size_t steps = random() % 6;
  for (std::size_t i = 0; i < steps; ++i) {
    RecipeStep step{kKinds[random() % std::size(kKinds)]};
    step.a = static_cast<std::uint16_t>(random() % (inputs + i));
    step.b = static_cast<std::uint16_t>(random() % (inputs + i));
    step.value = std::ldexp(static_cast<float>(random() % 4096) - 2048, -6);
    static constexpr Coding kRounds[] = {
        {Format::kBF16, 16}, {Format::kF16, 16}, {Format::kE4M3, 8}, {Format::kF32, 32}};
    step.coding = kRounds[random() % 4];
    recipe.steps.push_back(step);
  }
  Coding to = random_coding(random);
  if (is_integer(to)) to = {Format::kBF16, 16};
  if (fields > 0) to = {Format::kE2M1, 4};
  recipe.result = {to, static_cast<Overflow>(random() % 3), static_cast<Ties>(random() % 2)};
  recipe.result.element_bits = to.bits <= 8 ? 8 : to.bits;
  for (std::size_t f = 0; f < fields; ++f)
    recipe.result.fields.push_back(static_cast<std::int16_t>(static_cast<int>(f) * 5 - 3));
  if (fields > 0) recipe.result.element_bits = 32;
  return recipe;
}

TEST_CASE("Random recipes give the same elements, or the same refusal, in both evaluators", "[values]") {
  std::mt19937 random(20261126);
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    const Recipe recipe = random_recipe(random);
    std::vector<std::vector<std::byte>> tensors;
    Nest nest;
    for (std::size_t loop = 0; loop < random() % 4; ++loop)
      nest.extents.push_back(static_cast<std::int64_t>(1 + random() % 40));
    for (const Input& input : recipe.inputs) {
      NestOperand operand;
      std::int64_t reach = static_cast<std::int64_t>(random() % 9) * input.coding.bits;
      operand.offset = reach;
      for (const std::int64_t extent : nest.extents) {
        operand.strides.push_back(input.coding.bits * static_cast<std::int64_t>(random() % 5));
        reach += (extent - 1) * operand.strides.back();
      }
      for (const FoldLoop& loop : input.block) reach += (loop.extent - 1) * loop.stride;
      reach += input.coding.bits * 5;
      std::vector<std::byte> bytes(static_cast<std::size_t>(reach / 8 + 1));
      for (std::byte& b : bytes) b = static_cast<std::byte>(random());
      // Ordinary numbers, so that most recipes are not refused for a NaN.
      if (input.coding == kFloat)
        bytes = bytes_of(random_numbers(bytes.size() / 4 + 1, static_cast<unsigned>(random())));
      tensors.push_back(std::move(bytes));
      operand.bytes = tensors.back().data();
      operand.size = tensors.back().size();
      nest.operands.push_back(operand);
    }
    require_agreement(recipe, nest);
  }
}

TEST_CASE("Powers of two come out of magnitudes alike in both evaluators", "[values]") {
  std::vector<float> magnitudes = random_numbers(20000, 9);
  for (float& x : magnitudes) x = std::isfinite(x) ? std::fabs(x) : 1.0F;
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const std::uint32_t fraction : {0U, 1U, 0x40'0000U, 0x60'0000U, 0x5F'FFFFU, 0x7F'FFFFU})
      magnitudes.push_back(std::bit_cast<float>((exponent << 23) | fraction));
  }
  const auto bytes = bytes_of(magnitudes);
  const Nest nest = in_a_row(bytes, static_cast<std::int64_t>(magnitudes.size()), 32);
  for (const float addend : {0.0F, 2097152.0F, 8388607.0F}) {
    Recipe recipe = conversion(kFloat, kFloat);
    recipe.steps = {{StepKind::kExponent, 0, 0, addend}};
    require_agreement(recipe, nest);
    recipe.steps.push_back({StepKind::kConstant, 0, 0, 254});
    recipe.steps.push_back({StepKind::kMinimum, 1, 2});
    recipe.steps.push_back({StepKind::kPowerOfTwo, 3});
    require_agreement(recipe, nest);
  }
  Recipe recipe = conversion(kFloat, kFloat);
  recipe.steps = {{StepKind::kRaiseToPower, 0}};
  for (float& x : magnitudes) x = x == 0 ? 1.0F : x;
  const auto positive = bytes_of(magnitudes);
  require_agreement(recipe, in_a_row(positive, static_cast<std::int64_t>(magnitudes.size()), 32));
}

TEST_CASE("Wide numbers reach narrow floats by way of binary32, and integers exactly", "[values]") {
  const std::int64_t integers[] = {0, 1, -1, 16777217, 9007199254740993, INT64_MAX, INT64_MIN, 257, 1 << 24};
  std::vector<std::byte> bytes(sizeof(integers));
  std::memcpy(bytes.data(), integers, sizeof(integers));
  for (const Coding from :
       {Coding{Format::kSigned, 64}, Coding{Format::kUnsigned, 64}, Coding{Format::kF64, 64}}) {
    const Nest nest = in_a_row(bytes, std::size(integers), 64);
    for (const Coding to : {kFloat, Coding{Format::kBF16, 16}, Coding{Format::kF16, 16},
                            Coding{Format::kE4M3, 8}, Coding{Format::kF64, 64}})
      require_agreement(conversion(from, to), nest);
    require_agreement(conversion(from, {Format::kSigned, 64}), nest);
    require_agreement(conversion(from, {Format::kUnsigned, 64}), nest);
  }
  const Nest one{{}, {{bytes.data(), bytes.size(), 64 * 4, {}}}};
  CHECK(evaluate(conversion({Format::kSigned, 64}, {Format::kF64, 64}), one, 0).element ==
        std::bit_cast<std::uint64_t>(9007199254740992.0));
}

TEST_CASE("A block without elements folds to zero in both evaluators, and reads nothing", "[values]") {
  for (const Coding coding :
       {kFloat, Coding{Format::kBF16, 16}, Coding{Format::kF16, 16}, Coding{Format::kE4M3, 8}}) {
    for (const Fold fold : {Fold::kLargest, Fold::kMinimum, Fold::kMaximum}) {
      for (const std::vector<FoldLoop>& block :
           {std::vector<FoldLoop>{{0, coding.bits}}, {{4, 0}, {0, coding.bits}}}) {
        Recipe recipe = conversion(coding, kFloat);
        recipe.inputs[0].fold = fold;
        recipe.inputs[0].block = block;
        const Nest nest{{3}, {{nullptr, 0, 0, {0}}}};
        require_agreement(recipe, nest);
        CHECK(evaluate(recipe, nest, 2).element == 0);
      }
    }
  }
}

TEST_CASE("An operand that leaves its tensor is no plan", "[values]") {
  const std::vector<std::byte> bytes(8);
  std::vector<std::byte> out(64);
  Interpreter interpreter(conversion(kFloat, kFloat));
  CHECK_THROWS_AS(interpreter.run(in_a_row(bytes, 3, 32), out.data()), std::logic_error);
  CHECK_THROWS_AS(interpreter.run({{2}, {{bytes.data(), bytes.size(), 32, {-64}}}}, out.data()),
                  std::logic_error);
}

}  // namespace
}  // namespace tenon
