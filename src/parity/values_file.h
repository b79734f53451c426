// Values that come from a user and go to one: inputs of modules, exact results, each in a safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "modules/array.h"
#include "parity/result.h"

namespace tenon {

/// The tensors of a safetensors file by key; F64, F32, F16 or BF16. Throws UserError for other dtypes, for
/// one without elements, SystemError.
std::map<std::string, Array<double>> read_values(const std::filesystem::path& path);

/// The first extent of all of them. Throws UserError where they differ.
std::int64_t tokens_of(const std::map<std::string, Array<double>>& inputs, const std::filesystem::path& path);

/// A file of F64 tensors MODULE:PROGRAM:SIDE:NAME, the exact result of every compared value. Throws
/// SystemError.
void write_outputs(const ParityResult& result, const std::filesystem::path& path);

}  // namespace tenon
