// Low-rank pairs added to the tensors that they change: W + scale * left right.
//
// The product is summed in binary32 by rising k, every operation rounded by itself; then the sum is scaled,
// added to W and rounded once to W's dtype. (All in binary64 where W is F64.) 2 * rank + 2 operations an
// element; the factors of a few tensors are held decoded, whatever the model's size.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/adapter.h"
#include "engine/chunk_edit.h"
#include "engine/source_files.h"

namespace tenon {

/// A tensor that a pair changes, or that stands in an adapter whole.
struct MergedTensor {
  const LoraPair* pair = nullptr;
  double scale = 1;
  // where there is no pair: the adapter's tensor that takes its place
  std::uint32_t whole = 0;
  /// of the output
  DType dtype = DType::kF32;
};

/// F64, F32, F16 and BF16.
bool can_be_merged(DType dtype);

class LowRankEdit final : public ChunkEdit {
 public:
  /// `merged`: by output. Views of the pairs are of `adapter`'s tensors. Both outlive it.
  LowRankEdit(const Checkpoint& adapter, std::map<std::uint32_t, MergedTensor> merged);
  ~LowRankEdit() override;

  bool edits(std::uint32_t output) const override { return merged_.contains(output); }
  void edit(std::uint32_t output, std::uint64_t begin, std::span<std::byte> bytes) const override;

 private:
  template <class T>
  struct Decoded;
  template <class T>
  class Cache;

  template <class T>
  std::vector<T> read(const View& view) const;
  template <class T>
  void add(const MergedTensor& merged, std::uint32_t output, std::uint64_t begin, std::span<std::byte> bytes,
           Cache<T>& cache) const;

  const Checkpoint& adapter_;
  mutable SourceFiles files_;
  std::map<std::uint32_t, MergedTensor> merged_;
  std::unique_ptr<Cache<float>> floats_;
  std::unique_ptr<Cache<double>> doubles_;
};

}  // namespace tenon
