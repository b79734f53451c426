#include "plan/way_back_of_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "rules/operations/value_step.h"

namespace tenon {
namespace {

// Mantissa bits with the hidden one, least and largest exponents (of numbers 1.m * 2^e; `least` counts
// denormals).
struct Range {
  int precision = 0;
  int least = 0;
  int largest = 0;
};

Range range_of(Coding coding) {
  switch (coding.format) {
    case Format::kF64:
      return {53, -1074, 1023};
    case Format::kF32:
      return {24, -149, 127};
    case Format::kF16:
      return {11, -24, 15};
    case Format::kBF16:
      return {8, -133, 127};
    case Format::kE4M3:
      return {4, -9, 8};
    case Format::kE5M2:
      return {3, -16, 15};
    case Format::kE8M0:
      return {1, -127, 127};
    case Format::kE2M1:
      return {2, -1, 2};
    case Format::kUnsigned:
      return {coding.bits, 0, coding.bits - 1};
    case Format::kSigned:
      return {coding.bits - 1, 0, coding.bits - 1};
  }
  return {};
}

// Is every number of `from` one of `to`, and a cast there and back the same code?
bool widens(DType from, DType to) {
  const auto a = coding_of(from);
  const auto b = coding_of(to);
  if (!a || !b) return false;
  if (is_integer(*a) && is_integer(*b)) {
    if (a->format == b->format) return b->bits >= a->bits;
    return a->format == Format::kUnsigned && b->bits > a->bits;
  }
  if (is_integer(*b) || b->format == Format::kE8M0) return false;
  // Several codes of E5M2 are NaN, and one comes back.
  if (a->format == Format::kE5M2) return false;
  // F64 and integers reach narrow formats by way of binary32.
  const Range x = range_of(*a);
  const Range y = range_of(*b);
  return x.precision <= y.precision && x.least >= y.least && x.largest <= y.largest;
}

WayBackOfValues way_back_of_each(const Derivation& d) {
  const std::string& name = d.step->value().name;
  const View& from = d.inputs.begin()->second;
  const View& to = d.outputs.begin()->second;
  if (name == "Cast") {
    if (from.dtype == to.dtype || widens(from.dtype, to.dtype)) return {};
    return {false,
            {},
            fmt::format("{} to {} rounds", name_of(from.dtype), name_of(to.dtype)),
            law_of_cast(d),
            {}};
  }
  if (name == "UnpackInts" || name == "PackInts") return {};
  if (name == "Reciprocal" || name == "ConvertFP8LinearScale")
    return {true, {d.inputs.begin()->first}, "", {}, {}};
  return {false, {}, fmt::format("what it rounds off in {} does not come back", name_of(to.dtype)), {}, {}};
}

struct ScaleBounds {
  double least;
  double limit;
};

// E4M3 times a scale, rounded, divided by the scale: the same code. By what it is rounded to.
std::optional<ScaleBounds> fp8_scales(DType dtype) {
  if (dtype == DType::kF32) return ScaleBounds{0x1p-126, 0x1p119};
  if (dtype == DType::kBF16) return ScaleBounds{0x1p-124, 0x1p119};
  if (dtype == DType::kF16) return ScaleBounds{0x1p-15, 0x1p7};
  return std::nullopt;
}

// The same of E2M1, for powers of two and for any scale.
std::optional<ScaleBounds> fp4_scales(DType dtype, bool powers) {
  if (dtype == DType::kF32 || dtype == DType::kBF16)
    return powers ? ScaleBounds{0x1p-127, 0x1p126} : ScaleBounds{0x1p-120, 0x1p120};
  if (dtype == DType::kF16) return powers ? ScaleBounds{0x1p-23, 0x1p14} : ScaleBounds{0x1p-21, 0x1p13};
  return std::nullopt;
}

DType scale_dtype(const ViewsByRole& inputs, const std::string& role) {
  const auto found = inputs.find(role);
  if (found == inputs.end()) return DType::kBF16;
  return found->second.dtype == DType::kU8 || found->second.dtype == DType::kF8E8M0 ? DType::kBF16
                                                                                    : found->second.dtype;
}

// Whole numbers times a scale: they come back while the number's distance from zero has few enough bits.
bool integers_come_back(DType computed, DType stored, int bits, bool zeros) {
  const bool narrow = computed == DType::kBF16 || stored == DType::kBF16;
  if (bits < 8) return true;
  return narrow ? !zeros && computed == stored : true;
}

class CodesBack {
 public:
  explicit CodesBack(const Derivation& d)
      : inputs_(d.inputs),
        weight_(d.outputs.begin()->second),
        name_(d.step->value().name),
        parameters_(d.step->parameters()) {}

  // Do the codes come back from the numbers and what is kept? Nothing: no.
  std::optional<WayBackOfValues> look() {
    WayBackOfValues out;
    if (const auto overflow = parameters_.find("overflow");
        overflow != parameters_.end() && overflow->second != ValueParameter(std::string("error")))
      return std::nullopt;
    std::optional<ScaleBounds> bounds;
    ScaleRange range;
    if (name_ == "Fp8Dequantize") {
      if (inputs_.at("weight").dtype != DType::kF8E4M3) return std::nullopt;
      bounds = fp8_scales(weight_.dtype);
      range.role = "weight_scale_inv";
    } else if (name_ == "ScaleDequantize" && inputs_.at("weight").dtype == DType::kF8E4M3) {
      const auto computed = fp8_scales(scale_dtype(inputs_, "weight_scale"));
      bounds = fp8_scales(weight_.dtype);
      if (!computed || !bounds) return std::nullopt;
      bounds =
          ScaleBounds{std::max(computed->least, bounds->least), std::min(computed->limit, bounds->limit)};
      range.role = "weight_scale";
    } else if (name_ == "Mxfp4Dequantize" || name_ == "PackedMxfp4Dequantize") {
      bounds = fp4_scales(weight_.dtype, true);
      range.role = name_ == "Mxfp4Dequantize" ? "scales" : "weight_scale";
    } else if (name_ == "NVFP4Dequantize") {
      bounds = fp4_scales(weight_.dtype, false);
      range.role = "weight_scale";
      range.divides = inputs_.contains("weight_global_scale");
      range.global = range.divides ? "weight_global_scale" : "weight_scale_2";
    } else {
      return whole_numbers() ? std::optional(out) : std::nullopt;
    }
    if (!bounds) return std::nullopt;
    range.least = bounds->least;
    range.limit = bounds->limit;
    out.range = std::move(range);
    return out;
  }

 private:
  std::int64_t number(const char* name, std::int64_t fallback) const {
    const auto found = parameters_.find(name);
    const double* const value = found == parameters_.end() ? nullptr : std::get_if<double>(&found->second);
    return value == nullptr ? fallback : static_cast<std::int64_t>(*value);
  }

  bool whole_numbers() const {
    const DType to = weight_.dtype;
    if (to != DType::kF32 && to != DType::kBF16 && to != DType::kF16) return false;
    if (name_ == "ScaleDequantize") {
      const DType computed = scale_dtype(inputs_, "weight_scale");
      return integers_come_back(computed, to, 8, inputs_.contains("weight_zero_point"));
    }
    if (name_ == "PackedDequantize") {
      const auto bits = static_cast<int>(number("num_bits", 8));
      // Bits behind the last number of a row may be anything.
      const std::int64_t columns = weight_.shape.empty() ? 0 : weight_.shape.back();
      if (columns * bits % 32 != 0) return false;
      return integers_come_back(scale_dtype(inputs_, "weight_scale"), to, bits,
                                inputs_.contains("weight_zero_point"));
    }
    if (name_ == "AwqDequantize") return true;
    if (name_ == "GptqDequantize") {
      const auto bits = static_cast<int>(number("num_bits", 8));
      return integers_come_back(scale_dtype(inputs_, "scales"), to, bits, true);
    }
    return false;
  }

  const ViewsByRole& inputs_;
  const View& weight_;
  const std::string& name_;
  ValueParameters parameters_;
};

WayBackOfValues way_back_of_codes(const Derivation& d) {
  std::optional<WayBackOfValues> found = CodesBack(d).look();
  const bool raw = !found;
  WayBackOfValues out = found.value_or(WayBackOfValues{});
  for (const auto& [role, view] : d.inputs) {
    if (raw || !d.step->value().is_codes(role)) out.kept.push_back(role);
  }
  return out;
}

// Words for words: every code comes back, and what the other form has no place for is kept.
WayBackOfValues way_back_of_words(const Derivation& d) {
  WayBackOfValues out;
  const auto packed = d.inputs.find("weight_packed");
  // Bits behind the last number of a row may be anything.
  const bool raw = packed != d.inputs.end() &&
                   element_count(packed->second.shape) != element_count(d.outputs.at("qweight").shape);
  for (const auto& [role, view] : d.inputs) {
    const bool comes_back = role == "qzeros"              ? d.outputs.contains("weight_zero_point")
                            : role == "weight_zero_point" ? d.outputs.contains("qzeros")
                            : role == "weight_shape"      ? view.dtype == DType::kI64
                                                          : role != "g_idx";
    if (raw || !comes_back) out.kept.push_back(role);
  }
  return out;
}

}  // namespace

WayBackOfValues way_back_of(const Derivation& derivation) {
  switch (derivation.step->value().kind) {
    case ValueKind::kEach:
      return way_back_of_each(derivation);
    case ValueKind::kDecode:
      return way_back_of_codes(derivation);
    case ValueKind::kEncode:
      return {false, {}, "numbers are rounded to codes", law_of_codes(derivation), {}};
    case ValueKind::kRecode:
      return way_back_of_words(derivation);
  }
  return {};
}

}  // namespace tenon
