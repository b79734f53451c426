#include "rules/operations/registry.h"

#include <algorithm>

namespace tenon {

const OperationRow& concatenate_row();
const OperationRow& chunk_row();
const OperationRow& merge_modulelist_row();
const OperationRow& split_modulelist_row();
const OperationRow& transpose_row();
const OperationRow& permute_row();
const OperationRow& reshape_row();
const OperationRow& pad_row();
const OperationRow& slice_row();
const OperationRow& interleave_row();
const OperationRow& conv3d_to_linear_row();
const OperationRow& linear_to_conv3d_row();
const OperationRow& permute_for_rope_row();
const OperationRow& ernie_fuse_row();
const OperationRow& ernie_split_row();
const std::vector<OperationRow>& value_operation_rows();

namespace {

std::vector<const OperationRow*> layout_rows() {
  return {
      &concatenate_row(),
      &chunk_row(),
      &merge_modulelist_row(),
      &split_modulelist_row(),
      &transpose_row(),
      &permute_row(),
      &reshape_row(),
      &pad_row(),
      &slice_row(),
      &interleave_row(),
      &conv3d_to_linear_row(),
      &linear_to_conv3d_row(),
      &permute_for_rope_row(),
      &ernie_fuse_row(),
      &ernie_split_row(),
  };
}

}  // namespace

const std::vector<const OperationRow*>& operation_rows() {
  static const std::vector<const OperationRow*> kRows = [] {
    std::vector<const OperationRow*> rows = layout_rows();
    for (const OperationRow& row : value_operation_rows()) rows.push_back(&row);
    return rows;
  }();
  return kRows;
}

const OperationRow* find_layout_operation(std::string_view name) {
  const auto& rows = operation_rows();
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const OperationRow* row) { return row->name == name; });
  return found == rows.end() ? nullptr : *found;
}

}  // namespace tenon
