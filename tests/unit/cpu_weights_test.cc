// A weight that is read through an edit against an array to which the edit was made.
#include "modules/cpu/cpu_weights.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>

#include "parity/seeded_inputs.h"

using namespace tenon;

namespace {

const NumberFormat kBrain = *format_of(DType::kBF16);

ModuleTensor tensor_of(const Array<float>& numbers) {
  Bytes bytes(numbers.size() * 2);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    std::memcpy(bytes.data() + i * 2, reinterpret_cast<const char*>(&numbers.data[i]) + 2, 2);
  return {"w", DType::kBF16, numbers.shape, std::make_shared<const Bytes>(std::move(bytes))};
}

// All at once, and in parts of every length that begin everywhere.
void check_reads(const Weight& weight, const std::vector<float>& expected) {
  CHECK(numbers_of(&weight) == expected);
  int wrong = 0;
  for (std::size_t first = 0; first < expected.size(); ++first) {
    for (std::size_t count = 0; first + count <= expected.size(); ++count) {
      std::vector<float> part(count);
      weight.read(first, count, part.data());
      if (!std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(first)))
        ++wrong;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("weights of the CPU: read as they are, and rounded to another format") {
  const Array<float> numbers = seeded_numbers({5, 7}, kBrain, 1, "w");
  const ModuleTensor tensor = tensor_of(numbers);
  check_reads(*stored_weight(tensor, kBrain), numbers.data);
  check_reads(*stored_weight(tensor, *format_of(DType::kF32)), numbers.data);
  std::vector<float> rounded;
  for (const float value : numbers.data) rounded.push_back(round_to(*format_of(DType::kF16), value));
  check_reads(*stored_weight(tensor, *format_of(DType::kF16)), rounded);
}

TEST_CASE("weights of the CPU: slices reordered along every axis") {
  const Array<float> numbers = seeded_numbers({3, 4, 5}, kBrain, 2, "w");
  const SharedWeight before = stored_weight(tensor_of(numbers), kBrain);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto n = static_cast<std::size_t>(numbers.shape[axis]);
    std::vector<std::size_t> reversed(n), rotated(n);
    for (std::size_t i = 0; i < n; ++i) reversed[i] = n - 1 - i, rotated[i] = (i + 1) % n;
    for (const auto& order : {reversed, rotated}) {
      std::vector<float> expected;
      for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = 0; b < 4; ++b) {
          for (std::size_t c = 0; c < 5; ++c) {
            std::array<std::size_t, 3> at = {a, b, c};
            at[axis] = order[at[axis]];
            expected.push_back(numbers[(at[0] * 4 + at[1]) * 5 + at[2]]);
          }
        }
      }
      WeightEdit edit;
      edit.kind = WeightEdit::Kind::kReorder;
      edit.axis = axis, edit.order = order;
      check_reads(*edited_weight(before, edit, kBrain), expected);
    }
  }
}

TEST_CASE("weights of the CPU: transposed, cleared, one bit flipped") {
  const Array<float> numbers = seeded_numbers({6, 6}, kBrain, 3, "w");
  const SharedWeight before = stored_weight(tensor_of(numbers), kBrain);
  std::vector<float> turned;
  for (std::size_t i = 0; i < 36; ++i) turned.push_back(numbers[i % 6 * 6 + i / 6]);
  const auto edited = [&](WeightEdit::Kind kind) {
    WeightEdit edit;
    edit.kind = kind;
    return edited_weight(before, edit, kBrain);
  };
  check_reads(*edited(WeightEdit::Kind::kTranspose), turned);
  check_reads(*edited(WeightEdit::Kind::kClear), std::vector<float>(36, 0.0F));
  std::vector<float> flipped = numbers.data;
  std::uint32_t bits = 0;
  std::memcpy(&bits, &flipped[18], 4);
  bits ^= 0x10000U;
  std::memcpy(&flipped[18], &bits, 4);
  check_reads(*edited(WeightEdit::Kind::kFlipBit), flipped);
}
