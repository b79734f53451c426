// The base of an adapter, as far as its rules are concerned: a checkpoint, a folder with its config.json
// alone, or a model type.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "rules/library.h"

namespace tenon {

struct BaseModel {
  /// without tensors where only its config is known
  Checkpoint checkpoint;
  bool has_tensors = false;
};

/// What --base names: a folder or file, or else a model type that the library has rules for. Throws
/// UserError.
BaseModel open_base(const std::string& name, const OpenOptions& how, const Library& library);

}  // namespace tenon
