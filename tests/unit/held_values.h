// Tensors by role whose bytes a test holds, and what a value operation makes of them.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/way_back_of_values.h"
#include "rules/operations/value_step.h"
#include "values/interpreter.h"
#include "values/operations/operation_table.h"

namespace tenon {

using Bytes = std::vector<std::byte>;

struct Held {
  DType dtype = DType::kU8;
  Shape shape;
  Bytes bytes;
};
using HeldByRole = std::map<std::string, Held>;

/// A tensor of these numbers.
template <typename T>
Held held(DType dtype, Shape shape, const std::vector<T>& values) {
  Held out{dtype, std::move(shape), Bytes(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(out.bytes.data(), values.data(), out.bytes.size());
  return out;
}

/// What an operation makes, computed.
inline HeldByRole run(const std::string& name, const ValueParameters& parameters, const HeldByRole& inputs) {
  ValueTensors tensors;
  for (const auto& [role, tensor] : inputs)
    tensors.emplace(role, ValueTensor{tensor.dtype, tensor.shape, tensor.bytes.data()});
  HeldByRole out;
  for (const auto& [role, made] : apply_value_operation(name, parameters, tensors)) {
    Held result{made.dtype, made.shape, Bytes(byte_size(made.dtype, made.shape).value())};
    for (const ValuePiece& piece : made.pieces) {
      Interpreter interpreter(piece.recipe);
      const std::size_t size = interpreter.element_bytes();
      Nest nest{piece.extents, {}};
      for (const ValueOperand& operand : piece.operands) {
        const Bytes& bytes = inputs.at(operand.role).bytes;
        nest.operands.push_back({bytes.data(), bytes.size(), operand.offset, operand.strides});
      }
      Bytes elements(element_count(nest) * size);
      const auto refused = interpreter.run(nest, elements.data());
      INFO(name << " " << role);
      REQUIRE_FALSE(refused);
      for (std::uint64_t i = 0; i < element_count(nest); ++i) {
        std::int64_t place = piece.output_offset;
        std::uint64_t rest = i;
        for (std::size_t d = piece.extents.size(); d-- > 0;) {
          place += static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(piece.extents[d])) *
                   piece.output_strides[d];
          rest /= static_cast<std::uint64_t>(piece.extents[d]);
        }
        std::memcpy(result.bytes.data() + static_cast<std::size_t>(place) * size, elements.data() + i * size,
                    size);
      }
    }
    out.emplace(role, std::move(result));
  }
  return out;
}

/// What the plan sees of that.
inline Derivation derivation(const std::string& name, const ValueParameters& parameters,
                             const HeldByRole& inputs, const HeldByRole& outputs) {
  Derivation out;
  auto step = std::make_shared<ValueStep>(*find_value_row(name));
  step->set(parameters);
  out.step = step;
  std::uint32_t source = 0;
  for (const auto& [role, tensor] : inputs)
    out.inputs.emplace(role, identity_view(source++, tensor.dtype, tensor.shape));
  for (const auto& [role, tensor] : outputs)
    out.outputs.emplace(role, identity_view(source++, tensor.dtype, tensor.shape));
  return out;
}

}  // namespace tenon
