// Arithmetic on integers that come from files: every operation says when it does not fit.
#pragma once

#include <concepts>
#include <optional>

namespace tenon {

/// a + b, or nothing where it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a - b, or nothing where it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_sub(T a, T b) {
  T out{};
  if (__builtin_sub_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a * b, or nothing where it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

}  // namespace tenon
