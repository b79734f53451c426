// Value operations on tensors that are views: what the composed pieces compute out of the sources is what the
// operation makes of the tensor that the view stands for.
#include "values/operations/view_of_output.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <random>

#include "tensor/view_operations.h"
#include "values/interpreter.h"
#include "values/operations/operation_table.h"

namespace tenon {
namespace {

using Bytes = std::vector<std::byte>;
using Random = std::mt19937;

std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

// Walks a nest: calls use(output element, step number).
template <typename Use>
void each_element(const Piece& piece, const Use& use) {
  const auto count = static_cast<std::uint64_t>(element_count(piece));
  for (std::uint64_t i = 0; i < count; ++i) {
    std::int64_t place = piece.output_offset;
    std::uint64_t rest = i;
    for (std::size_t d = piece.loops.size(); d-- > 0;) {
      place += static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(piece.loops[d].extent)) *
               piece.loops[d].output_stride;
      rest /= static_cast<std::uint64_t>(piece.loops[d].extent);
    }
    use(place, i);
  }
}

// The bytes of a view, copies and computed pieces. Nothing where a number is refused.
std::optional<Bytes> contents(const View& view, const std::vector<Bytes>& sources,
                              const RecipeBook& recipes) {
  Bytes out(byte_size(view.dtype, view.shape).value());
  const auto size = static_cast<std::size_t>(bits_of(view.dtype) / 8);
  std::vector<bool> filled(element_count(view.shape).value(), false);
  for (const Piece& piece : view.pieces) {
    Recipe recipe;
    Nest nest;
    for (const Loop& loop : piece.loops) nest.extents.push_back(loop.extent);
    const std::int64_t unit = is_computed(piece) ? 1 : bits_of(view.dtype);
    if (is_computed(piece)) {
      recipe = recipes.at(piece.recipe);
    } else {
      recipe.inputs.push_back({{Format::kUnsigned, static_cast<std::uint8_t>(bits_of(view.dtype))}});
      recipe.result.coding = recipe.inputs.front().coding;
      recipe.result.element_bits = static_cast<std::uint8_t>(bits_of(view.dtype));
    }
    if (piece.source != kNoSource) {
      const Bytes& bytes = sources.at(piece.source);
      NestOperand operand{bytes.data(), bytes.size(), piece.source_offset * unit, {}};
      for (const Loop& loop : piece.loops) operand.strides.push_back(loop.source_stride * unit);
      nest.operands.push_back(std::move(operand));
    }
    for (const Operand& operand : piece.more) {
      const Bytes& bytes = sources.at(operand.source);
      nest.operands.push_back({bytes.data(), bytes.size(), operand.offset, operand.strides});
    }
    Interpreter interpreter(recipe);
    REQUIRE(interpreter.element_bytes() == size);
    Bytes elements(static_cast<std::size_t>(element_count(piece)) * size);
    if (interpreter.run(nest, elements.data())) return std::nullopt;
    each_element(piece, [&](std::int64_t place, std::uint64_t i) {
      REQUIRE_FALSE(filled.at(static_cast<std::size_t>(place)));
      filled[static_cast<std::size_t>(place)] = true;
      std::memcpy(out.data() + static_cast<std::size_t>(place) * size, elements.data() + i * size, size);
    });
  }
  REQUIRE(std::all_of(filled.begin(), filled.end(), [](bool f) { return f; }));
  return out;
}

struct Drawn {
  Random random;
  std::vector<Bytes> sources;

  // A source tensor of numbers that are neither large nor small.
  View tensor(DType dtype, const Shape& shape) {
    Bytes bytes(byte_size(dtype, shape).value());
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    const auto count = element_count(shape).value();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (dtype == DType::kBF16) {
        const auto bits = static_cast<std::uint16_t>((random() & 0x807F) | between(random, 120, 130) << 7);
        std::memcpy(bytes.data() + i * 2, &bits, 2);
      } else if (dtype == DType::kF32) {
        const auto bits =
            static_cast<std::uint32_t>((random() & 0x007F'FFFF) | between(random, 120, 130) << 23);
        std::memcpy(bytes.data() + i * 4, &bits, 4);
      } else if (dtype == DType::kF8E4M3) {
        bytes[i] = static_cast<std::byte>(between(random, 0x20, 0x70));
      }
    }
    sources.push_back(std::move(bytes));
    return identity_view(static_cast<std::uint32_t>(sources.size() - 1), dtype, shape);
  }

  // A view of that shape: parts of sources, stacked, joined, cut and turned.
  View view(DType dtype, const Shape& shape, int depth = 0) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    switch (depth > 3 || rank == 0 ? 0 : between(random, 0, 4)) {
      case 1: {  // turned
        std::vector<std::size_t> order(shape.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::shuffle(order.begin(), order.end(), random);
        Shape before(shape.size());
        for (std::size_t i = 0; i < order.size(); ++i) before[order[i]] = shape[i];
        return permute(view(dtype, before, depth + 1), order);
      }
      case 2: {  // joined
        const auto dim = static_cast<std::size_t>(between(random, 0, rank - 1));
        if (shape[dim] < 2) break;
        Shape first = shape;
        Shape second = shape;
        const std::int64_t half = shape[dim] / 2;
        first[dim] =
            shape[dim] % 64 == 0 || between(random, 0, 1) == 0 ? half : between(random, 1, shape[dim] - 1);
        second[dim] = shape[dim] - first[dim];
        return concatenate({view(dtype, first, depth + 1), view(dtype, second, depth + 1)}, dim);
      }
      case 3: {  // cut out of a larger one
        const auto dim = static_cast<std::size_t>(between(random, 0, rank - 1));
        Shape larger = shape;
        const std::int64_t before = between(random, 0, 3) * 32;
        const std::int64_t after = between(random, 0, 3);
        larger[dim] += before + after;
        return cut(view(dtype, larger, depth + 1), dim, {before, shape[dim], after})[1];
      }
      case 4: {  // one of a stack
        Shape stacked = shape;
        stacked.insert(stacked.begin(), 3);
        return unstack(view(dtype, stacked, depth + 1), 0)[static_cast<std::size_t>(between(random, 0, 2))];
      }
      default:
        break;
    }
    return tensor(dtype, shape);
  }
};

struct Job {
  const char* name;
  ValueParameters parameters;
  std::map<std::string, std::pair<DType, Shape>> inputs;
};

std::vector<Job> jobs() {
  const std::vector<std::int64_t> block = {32, 32};
  return {
      {"Cast", {{"dtype", std::string("F32")}}, {{"input", {DType::kBF16, {6, 40}}}}},
      {"Fp8Dequantize",
       {{"block_size", block}},
       {{"weight", {DType::kF8E4M3, {70, 96}}}, {"weight_scale_inv", {DType::kF32, {3, 3}}}}},
      {"Fp8Quantize", {{"block_size", block}}, {{"weight", {DType::kBF16, {70, 96}}}}},
      {"Fp8Quantize",
       {{"block_size", block}},
       {{"weight", {DType::kBF16, {70, 96}}}, {"weight_scale_inv", {DType::kF32, {3, 3}}}}},
      {"Mxfp4Quantize", {}, {{"weight", {DType::kBF16, {2, 64, 6}}}}},
      {"Mxfp4Dequantize",
       {{"overflow", std::string("torch")}},
       {{"blocks", {DType::kU8, {2, 6, 2, 16}}}, {"scales", {DType::kU8, {2, 6, 2}}}}},
      {"NVFP4Quantize", {{"style", std::string("modelopt")}}, {{"weight", {DType::kBF16, {6, 64}}}}},
      {"ScaleQuantize",
       {{"type", std::string("int")}, {"strategy", std::string("group")}, {"group_size", 32.0}},
       {{"weight", {DType::kBF16, {10, 64}}}}},
      {"PackedQuantize",
       {{"num_bits", 4.0}, {"strategy", std::string("group")}, {"group_size", 32.0}},
       {{"weight", {DType::kBF16, {10, 64}}}}},
      {"PackedQuantize",
       {{"num_bits", 3.0}, {"strategy", std::string("channel")}},
       {{"weight", {DType::kBF16, {10, 64}}}}},
  };
}

TEST_CASE("Value operations on views are those on the tensors that they stand for", "[view_of_output]") {
  std::map<std::string, int> done;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const auto all = jobs();
    const Job& job = all[seed % all.size()];
    Drawn drawn{Random(seed), {}};
    std::map<std::string, View> views;
    ValueTensors tensors;
    for (const auto& [role, what] : job.inputs) {
      views.emplace(role, drawn.view(what.first, what.second));
      tensors.emplace(role, ValueTensor{what.first, what.second, nullptr});
    }
    // The same tensors as sources of their own.
    RecipeBook recipes;
    std::vector<Bytes> whole;
    std::map<std::string, View> identities;
    for (const auto& [role, view] : views) {
      whole.push_back(contents(view, drawn.sources, recipes).value());
      identities.emplace(role,
                         identity_view(static_cast<std::uint32_t>(whole.size() - 1), view.dtype, view.shape));
    }
    const ValueOutputs made = apply_value_operation(job.name, job.parameters, tensors);
    for (const auto& [role, output] : made) {
      INFO(job.name << " " << role << ", seed " << seed);
      View composed;
      try {
        composed = view_of_output(output, views, recipes);
      } catch (const ValueError& error) {
        REQUIRE(error.word == "shape");  // a code or a block lies in two parts
        continue;
      }
      const auto expected = contents(view_of_output(output, identities, recipes), whole, recipes);
      const auto found = contents(composed, drawn.sources, recipes);
      REQUIRE(expected.has_value() == found.has_value());
      if (!expected) continue;
      REQUIRE(*expected == *found);
      // Layout operations go on from there.
      if (output.shape.size() == 2) {
        const View turned = permute(composed, {1, 0});
        const auto again = contents(permute(turned, {1, 0}), drawn.sources, recipes);
        REQUIRE(*again == *expected);
      }
      ++done[job.name];
    }
  }
  for (const Job& job : jobs()) CHECK(done[job.name] > 10);
}

}  // namespace
}  // namespace tenon
