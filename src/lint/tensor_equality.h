// Are a view's elements those of a tensor of another checkpoint? Read from the files, byte for byte.
#pragma once

#include "checkpoint/checkpoint.h"
#include "engine/source_files.h"
#include "tensor/view.h"

namespace tenon {

class TensorEquality {
 public:
  /// Views are of `sources`, tensors of `targets`; both outlive it.
  TensorEquality(const Checkpoint& sources, const Checkpoint& targets);

  /// Does every element of the view stand in `target`, of the same dtype and shape, at its place? With
  /// `partly` zeros of the view stand for elements that are not looked at.
  bool operator()(const View& view, const Tensor& target, bool partly = false);

 private:
  bool is_zero_there(const std::vector<Piece>& zeros, const Tensor& target);

  const Checkpoint& sources_;
  SourceFiles source_files_;
  SourceFiles target_files_;
};

}  // namespace tenon
