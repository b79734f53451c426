#include "modules/weight_edit.h"

#include <algorithm>
#include <cstring>

namespace tenon {
namespace {

// Calls visit(byte of the old tensor, byte of the new one, bytes) for every run that a reordering moves,
// until it returns false.
template <typename Visit>
void for_each_move(const WeightEdit& edit, const Shape& shape, std::size_t element_size, const Visit& visit) {
  std::size_t slice = element_size;
  for (std::size_t i = edit.axis + 1; i < shape.size(); ++i) slice *= static_cast<std::size_t>(shape[i]);
  std::size_t outer = 1;
  for (std::size_t i = 0; i < edit.axis; ++i) outer *= static_cast<std::size_t>(shape[i]);
  const auto runs = runs_of(edit.order);
  for (std::size_t i = 0; i < outer; ++i) {
    const std::size_t base = i * edit.order.size() * slice;
    for (const auto& run : runs) {
      if (!visit(base + run.from * slice, base + run.to * slice, run.count * slice)) return;
    }
  }
}

template <typename Visit>
void for_each_transposed(std::size_t n, std::size_t element_size, const Visit& visit) {
  for (std::size_t i = 0; i < n * n; ++i) {
    if (!visit((i % n * n + i / n) * element_size, i * element_size, element_size)) return;
  }
}

bool moves_change(const WeightEdit& edit, const ModuleTensor& tensor) {
  const Bytes& bytes = *tensor.bytes;
  const auto size = static_cast<std::size_t>(bits_of(tensor.dtype) / 8);
  bool changed = false;
  const auto differs = [&](std::size_t from, std::size_t to, std::size_t count) {
    changed = from != to && std::memcmp(bytes.data() + from, bytes.data() + to, count) != 0;
    return !changed;
  };
  if (edit.kind == WeightEdit::Kind::kReorder) {
    for_each_move(edit, tensor.shape, size, differs);
  } else {
    for_each_transposed(static_cast<std::size_t>(tensor.shape.front()), size, differs);
  }
  return changed;
}

bool edit_changes(const ModuleWeights& weights, const WeightEdit& edit) {
  const ModuleTensor& tensor = weights.at(edit.weight).at(edit.index);
  switch (edit.kind) {
    case WeightEdit::Kind::kReorder:
    case WeightEdit::Kind::kTranspose:
      return moves_change(edit, tensor);
    case WeightEdit::Kind::kClear:
      return std::any_of(tensor.bytes->begin(), tensor.bytes->end(),
                         [](std::byte byte) { return byte != std::byte{0}; });
    case WeightEdit::Kind::kFlipBit:
      return !tensor.bytes->empty();
    case WeightEdit::Kind::kTake:
      return std::memcmp(tensor.bytes->data(), weights.at(edit.other).at(edit.other_index).bytes->data(),
                         tensor.bytes->size()) != 0;
  }
  return false;
}

}  // namespace

std::vector<SliceRun> runs_of(const std::vector<std::size_t>& order) {
  std::vector<SliceRun> out;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!out.empty() && order[i] == out.back().from + out.back().count) {
      ++out.back().count;
    } else {
      out.push_back({order[i], i, 1});
    }
  }
  return out;
}

bool changes_bytes(const ModuleWeights& weights, const WeightChange& change) {
  return std::any_of(change.begin(), change.end(),
                     [&](const WeightEdit& edit) { return edit_changes(weights, edit); });
}

}  // namespace tenon
