// UnpackInts and PackInts: codes out of and into 32-bit words, nothing else.
#include "values/operations/integers.h"

#include <fmt/format.h>

#include <algorithm>

#include "values/operations/operations.h"

namespace tenon {

RecipeBuilder::Value sliced(RecipeBuilder& b, const std::vector<CodeSlice>& slices, const std::string& role,
                            const Affine& word_zero, std::int64_t word_stride,
                            std::vector<ValueOperand>& operands, Demand demand) {
  std::vector<RecipeBuilder::Value> parts;
  for (const CodeSlice& slice : slices) {
    parts.push_back(b.input({unsigned_bits(slice.width), demand}));
    Affine place = word_zero;
    place.offset += slice.word * word_stride + slice.bit;
    operands.push_back(operand_at(role, place));
  }
  if (slices.size() == 1) return parts[0];
  return b.add(parts[0], b.multiply(parts[1], b.constant(static_cast<float>(1 << slices[1].shift))));
}

Result packed_words(std::int64_t bits, std::vector<std::int16_t> shifts) {
  Result result{unsigned_bits(bits)};
  result.fields = std::move(shifts);
  return result;
}

ValueOutput transposed_codes(const ValueTensor& words, const std::string& role, std::int64_t bits,
                             float addend, Demand demand) {
  const std::int64_t rows = words.shape[0];
  const std::int64_t row = words.shape[1] * 32;
  const std::int64_t codes = row / bits;
  ValueOutput out{DType::kI32, {words.shape[1], rows}, {}};
  for (const WriteClass& c : write_classes(rows == 0 ? 0 : codes, bits, codes)) {
    RecipeBuilder b;
    const auto code = b.input({unsigned_bits(bits), demand, Fold::kElement, {}, c.by_field(bits)});
    ValuePiece piece = piece_at(b.finish(b.add(code, b.constant(addend)), packed_words(bits, c.shifts())),
                                {c.words, rows}, {c.first_word * rows, {c.period.words * rows, 1}});
    piece.operands.push_back(operand_at(role, {c.first_element * bits, {c.period.elements * bits, row}}));
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

namespace {

struct PackLayout {
  bool awq;
  bool gptq;
  bool along_rows;  // packed along the first dimension
  std::int64_t bits;
};

PackLayout pack_layout_of(const ValueRequest& request) {
  const std::string name = request.word("layout", {"dense", "awq", "gptq"}, "");
  const bool awq = name == "awq";
  return {awq, name == "gptq", !awq && request.integer("dim", 0, 1) == 0, request.integer("num_bits", 1, 24)};
}

// Rows of all dimensions but the last.
std::int64_t rows_of(const Shape& shape) {
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

void check_words(const ValueTensor& packed, std::int64_t found, std::int64_t n, std::int64_t bits) {
  if (found == words_for(n, bits)) return;
  refuse("shape", "packed",
         fmt::format("{} values of {} bits need {} words, {} has {}", n, bits, words_for(n, bits),
                     to_string(packed.shape), found));
}

Recipe unpack_recipe(RecipeBuilder& b, RecipeBuilder::Value code, std::int64_t offset, DType dtype) {
  return b.finish(b.subtract(code, b.constant(static_cast<float>(offset))), result_of(dtype));
}

}  // namespace

ValueOutputs unpack_ints(const ValueRequest& request) {
  const ValueTensor& packed = request.tensor("packed", {DType::kI32});
  const PackLayout layout = pack_layout_of(request);
  const std::int64_t n = request.integer("size", 0, std::int64_t{1} << 40);
  const std::int64_t offset = request.integer("offset", -(1 << 24), 1 << 24, 0);
  const DType dtype = request.dtype(DType::kU8);
  if (!is_integer(coding_or_refuse(dtype))) refuse("parameter", "", "'dtype' is an integer's");
  if (packed.shape.empty() || (layout.along_rows && packed.shape.size() != 2))
    refuse("shape", "packed", fmt::format("packed is {}", to_string(packed.shape)));
  if (layout.awq && (layout.bits != 4 || n % 8 != 0))
    refuse("parameter", "", "awq packs 4 bits, eight to a word");
  if (layout.gptq && n * layout.bits % 32 != 0) refuse("shape", "packed", "gptq packs whole words");
  const std::size_t dim = layout.along_rows ? 0 : packed.shape.size() - 1;
  check_words(packed, packed.shape[dim], n, layout.bits);
  ValueOutput out{dtype, packed.shape, {}};
  out.shape[dim] = n;
  if (element_count(out.shape).value_or(0) == 0) return {{"values", std::move(out)}};

  if (layout.along_rows) {
    const std::int64_t columns = packed.shape[1];
    const WordPeriod period = word_period(layout.bits);
    for (const ReadClass& c : read_classes(n, layout.bits)) {
      RecipeBuilder b;
      std::vector<ValueOperand> operands;
      const auto code =
          sliced(b, c.slices, "packed", {0, {period.words * columns * 32, 32}}, columns * 32, operands);
      ValuePiece piece = piece_at(unpack_recipe(b, code, offset, dtype), {c.count, columns},
                                  {c.first * columns, {period.elements * columns, 1}});
      piece.operands = std::move(operands);
      out.pieces.push_back(std::move(piece));
    }
    return {{"values", std::move(out)}};
  }
  const std::int64_t rows = rows_of(packed.shape);
  const std::int64_t row = packed.shape.back() * 32;
  RecipeBuilder b;
  const auto code = b.input({unsigned_bits(layout.bits)});
  const Recipe recipe = unpack_recipe(b, code, offset, dtype);
  ValuePiece piece = layout.awq ? piece_at(recipe, {rows, n / 8, 4, 2}, {0, {n, 8, 2, 1}})
                                : piece_at(recipe, {rows, n}, {0, {n, 1}});
  piece.operands.push_back(layout.awq ? operand_at("packed", {0, {row, 32, 4, 16}})
                                      : operand_at("packed", {0, {row, layout.bits}}));
  out.pieces.push_back(std::move(piece));
  return {{"values", std::move(out)}};
}

ValueOutputs pack_ints(const ValueRequest& request) {
  const ValueTensor& values = request.tensor("values");
  const Coding coding = coding_or_refuse(values.dtype, "values");
  if (!is_integer(coding)) refuse("dtype", "values", "values are integers");
  const PackLayout layout = pack_layout_of(request);
  const std::int64_t offset = request.integer("offset", -(1 << 24), 1 << 24, 0);
  if (values.shape.empty() || (layout.along_rows && values.shape.size() != 2))
    refuse("shape", "values", fmt::format("values are {}", to_string(values.shape)));
  const std::int64_t bits = layout.awq ? 4 : layout.bits;
  const std::size_t dim = layout.along_rows ? 0 : values.shape.size() - 1;
  const std::int64_t n = values.shape[dim];
  if (layout.awq && n % 8 != 0) refuse("shape", "values", "columns are no multiple of 8");
  // Along the packed dimension, and across it.
  const std::int64_t lines = layout.along_rows ? values.shape[1] : rows_of(values.shape);
  const std::int64_t along = layout.along_rows ? lines * coding.bits : coding.bits;
  const std::int64_t across = layout.along_rows ? coding.bits : n * coding.bits;
  ValueOutput out{DType::kI32, values.shape, {}};
  out.shape[dim] = words_for(n, bits);
  const std::int64_t word_step = layout.along_rows ? lines : 1;
  const std::int64_t line_step = layout.along_rows ? 1 : out.shape[dim];
  for (const WriteClass& c : write_classes(n, bits, std::max<std::int64_t>(n, 1))) {
    if (lines == 0) break;
    RecipeBuilder b;
    std::vector<std::int64_t> by_field = c.by_field(along);
    if (layout.awq) {
      for (std::size_t k = 0; k < by_field.size(); ++k) by_field[k] = kAwqColumn[k] * along;
    }
    const auto value = b.input({coding, Demand::kNothing, Fold::kElement, {}, std::move(by_field)});
    const auto code = b.add(value, b.constant(static_cast<float>(offset)));
    ValuePiece piece = piece_at(b.finish(code, packed_words(bits, c.shifts())), {lines, c.words},
                                {c.first_word * word_step, {line_step, c.period.words * word_step}});
    piece.operands.push_back(
        operand_at("values", {c.first_element * along, {across, c.period.elements * along}}));
    out.pieces.push_back(std::move(piece));
  }
  return {{"packed", std::move(out)}};
}

}  // namespace tenon
