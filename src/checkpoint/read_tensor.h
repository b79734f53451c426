// The bytes of one small tensor. Planning asks for those alone whose contents say what shape others have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace tenon {

/// Empty where the checkpoint is headers alone, without files. Throws UserError or SystemError where the
/// shard cannot be read.
std::vector<std::byte> read_tensor(const Checkpoint& checkpoint, std::uint32_t tensor);

}  // namespace tenon
