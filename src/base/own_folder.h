// Where this code's file is: the program, or the shared library that holds it.
#pragma once

#include <filesystem>

namespace tenon {

/// The folder of the program, or of the shared library (libtenon.so, a Python module) that this is linked
/// into. Empty where the system does not say.
std::filesystem::path own_folder();

}  // namespace tenon
