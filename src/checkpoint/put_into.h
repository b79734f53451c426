// A checkpoint of a part of a model beside the rest of the whole, which comes along as it is.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"

namespace tenon {

/// Adds the tensors of `whole` that are not the part's, by their keys, and its config.json. `name`: as the
/// user names it.
void put_into(Checkpoint& part, const Checkpoint& whole, const std::string& name,
              const std::function<bool(std::string_view)>& is_of_part);

}  // namespace tenon
