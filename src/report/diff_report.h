// What `tenon diff` shows: tensors that only one checkpoint has, tensors whose dtype, shape or bytes differ.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tasks/diff.h"

namespace tenon {

std::string diff_text(const DiffReport& report);
nlohmann::ordered_json diff_json(const DiffReport& report);

/// The schema of diff_json().
nlohmann::ordered_json diff_schema();

/// "[3, 17]": the place of an element of a row-major tensor.
std::string index_text(const Shape& shape, std::uint64_t element);

/// "0.5 (0x3f00)": an element's value beside its bytes; the bytes alone where its dtype is not plainly a
/// number.
std::string element_text(DType dtype, const std::string& hex);

}  // namespace tenon
