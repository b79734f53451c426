// Finds out how an opened checkpoint's tensors lie in its files.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/source_layout.h"

namespace tenon {

/// Reads the headers and the index of an opened checkpoint again. Throws SystemError, and UserError where a
/// file is no longer what was opened.
SourceLayout source_layout(const Checkpoint& checkpoint);

/// "adapter_model" of adapter_model.safetensors, "model" of model-00001-of-00002.safetensors with its index.
std::string stem_of(const Checkpoint& checkpoint);

}  // namespace tenon
