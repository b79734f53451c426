#include "values/coding.h"

#include <fmt/format.h>

namespace tenon {

std::optional<Coding> coding_of(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(bits_of(dtype));
  switch (dtype) {
    case DType::kF64:
      return Coding{Format::kF64, bits};
    case DType::kF32:
      return Coding{Format::kF32, bits};
    case DType::kF16:
      return Coding{Format::kF16, bits};
    case DType::kBF16:
      return Coding{Format::kBF16, bits};
    case DType::kF8E4M3:
      return Coding{Format::kE4M3, bits};
    case DType::kF8E5M2:
      return Coding{Format::kE5M2, bits};
    case DType::kF8E8M0:
      return Coding{Format::kE8M0, bits};
    case DType::kF4:
      return Coding{Format::kE2M1, bits};
    case DType::kBool:
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
      return Coding{Format::kUnsigned, bits};
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
      return Coding{Format::kSigned, bits};
    default:
      return std::nullopt;
  }
}

std::string to_string(Coding coding) {
  switch (coding.format) {
    case Format::kF64:
      return "F64";
    case Format::kF32:
      return "F32";
    case Format::kF16:
      return "F16";
    case Format::kBF16:
      return "BF16";
    case Format::kE4M3:
      return "E4M3";
    case Format::kE5M2:
      return "E5M2";
    case Format::kE8M0:
      return "E8M0";
    case Format::kE2M1:
      return "E2M1";
    case Format::kUnsigned:
      return fmt::format("UINT{}", coding.bits);
    case Format::kSigned:
      return fmt::format("INT{}", coding.bits);
  }
  return "";
}

std::uint64_t canonical_nan(Coding coding) {
  switch (coding.format) {
    case Format::kF64:
      return 0x7FF8'0000'0000'0000;
    case Format::kF32:
      return 0x7FC0'0000;
    case Format::kF16:
      return 0x7E00;
    case Format::kBF16:
      return 0x7FC0;
    case Format::kE4M3:
    case Format::kE5M2:
      return 0x7F;
    case Format::kE8M0:
      return 0xFF;
    default:
      return 0;
  }
}

bool is_nan_code(Coding coding, std::uint64_t code) {
  switch (coding.format) {
    case Format::kF64:
      return (code & 0x7FFF'FFFF'FFFF'FFFF) > 0x7FF0'0000'0000'0000;
    case Format::kF32:
      return (code & 0x7FFF'FFFF) > 0x7F80'0000;
    case Format::kF16:
      return (code & 0x7FFF) > 0x7C00;
    case Format::kBF16:
      return (code & 0x7FFF) > 0x7F80;
    case Format::kE4M3:
      return (code & 0x7F) == 0x7F;
    case Format::kE5M2:
      return (code & 0x7F) > 0x7C;
    case Format::kE8M0:
      return code == 0xFF;
    default:
      return false;
  }
}

}  // namespace tenon
