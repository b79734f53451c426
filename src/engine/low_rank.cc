#include "engine/low_rank.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <utility>

#include "engine/element.h"
#include "values/lane_numbers.h"

namespace tenon {
namespace {

// Factors of this many matrices are kept: those that threads work at.
constexpr std::size_t kKept = 64;

template <class Word>
Word word_at(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof(Word));
  return word;
}

template <class T>
T number_at(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kF64:
      return static_cast<T>(std::bit_cast<double>(word_at<std::uint64_t>(at)));
    case DType::kF32:
      return static_cast<T>(std::bit_cast<float>(word_at<std::uint32_t>(at)));
    case DType::kF16:
      return static_cast<T>(lanes::decode_f16(word_at<std::uint16_t>(at)));
    default:
      return static_cast<T>(lanes::decode_bf16(word_at<std::uint16_t>(at)));
  }
}

template <class T>
void put_number(DType dtype, T value, std::byte* at) {
  std::uint32_t over = 0;  // what does not fit is infinite, as torch has it
  const auto put = [&](auto word) { std::memcpy(at, &word, sizeof(word)); };
  switch (dtype) {
    case DType::kF64:
      return put(static_cast<double>(value));
    case DType::kF32:
      return put(static_cast<float>(value));
    case DType::kF16:
      return put(static_cast<std::uint16_t>(lanes::encode_f16(static_cast<float>(value), over)));
    default:
      return put(static_cast<std::uint16_t>(lanes::encode_bf16(static_cast<float>(value), over)));
  }
}

// Calls `use(source, output)` for each element that a piece copies.
template <class Use>
void each_element(const Piece& piece, std::size_t depth, std::int64_t source, std::int64_t output,
                  const Use& use) {
  if (depth == piece.loops.size()) return use(source, output);
  const Loop& loop = piece.loops[depth];
  for (std::int64_t i = 0; i < loop.extent; ++i)
    each_element(piece, depth + 1, source + i * loop.source_stride, output + i * loop.output_stride, use);
}

}  // namespace

bool can_be_merged(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

template <class T>
struct LowRankEdit::Decoded {
  std::vector<T> left;   // [rows, rank]
  std::vector<T> right;  // [rank, columns]
};

// The factors that were used last.
template <class T>
class LowRankEdit::Cache {
 public:
  using Key = std::pair<std::uint32_t, std::int64_t>;  // output, expert

  template <class Make>
  std::shared_ptr<const Decoded<T>> get(const Key& key, const Make& make) {
    const std::lock_guard lock(mutex_);
    for (const auto& [known, factors] : kept_) {
      if (known == key) return factors;
    }
    kept_.emplace_front(key, make());
    if (kept_.size() > kKept) kept_.pop_back();
    return kept_.front().second;
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<Key, std::shared_ptr<const Decoded<T>>>> kept_;
};

LowRankEdit::LowRankEdit(const Checkpoint& adapter, std::map<std::uint32_t, MergedTensor> merged)
    : adapter_(adapter),
      files_(adapter.shards),
      merged_(std::move(merged)),
      floats_(std::make_unique<Cache<float>>()),
      doubles_(std::make_unique<Cache<double>>()) {}

LowRankEdit::~LowRankEdit() = default;

template <class T>
std::vector<T> LowRankEdit::read(const View& view) const {
  std::vector<T> out(static_cast<std::size_t>(element_count(view.shape).value_or(0)), T{0});
  for (const Piece& piece : copies_of(view)) {
    const Tensor& tensor = adapter_.tensors[piece.source];
    const std::byte* const from = files_.bytes(tensor.shard).data() + tensor.offset;
    const auto size = static_cast<std::int64_t>(element_bytes(tensor.dtype));
    files_.guarded(tensor.shard, [&] {
      each_element(piece, 0, piece.source_offset, piece.output_offset,
                   [&](std::int64_t source, std::int64_t output) {
                     out[static_cast<std::size_t>(output)] = number_at<T>(tensor.dtype, from + source * size);
                   });
    });
  }
  return out;
}

template <class T>
void LowRankEdit::add(const MergedTensor& merged, std::uint32_t output, std::uint64_t begin,
                      std::span<std::byte> bytes, Cache<T>& cache) const {
  const LoraPair& pair = *merged.pair;
  const auto rank = static_cast<std::size_t>(pair.rank);
  const auto rows = static_cast<std::uint64_t>(pair.experts[0].left.shape[0]);
  const auto columns = static_cast<std::uint64_t>(pair.experts[0].right.shape[1]);
  const std::uint64_t size = element_bytes(merged.dtype);
  const T scale = static_cast<T>(merged.scale);
  std::vector<T> sum;
  for (std::uint64_t at = begin / size, end = at + bytes.size() / size; at < end;) {
    const auto expert = static_cast<std::int64_t>(at / (rows * columns));
    const auto factors = cache.get({output, expert}, [&] {
      const Factors& views = pair.experts[static_cast<std::size_t>(expert)];
      return std::make_shared<const Decoded<T>>(Decoded<T>{read<T>(views.left), read<T>(views.right)});
    });
    const std::uint64_t row = at / columns % rows;
    const std::uint64_t column = at % columns;
    const std::uint64_t count = std::min(columns - column, end - at);
    sum.assign(count, T{0});
    for (std::size_t k = 0; k < rank; ++k) {
      const T l = factors->left[row * rank + k];
      const T* const r = factors->right.data() + k * columns + column;
      for (std::uint64_t i = 0; i < count; ++i) sum[i] += l * r[i];
    }
    std::byte* const to = bytes.data() + (at * size - begin);
    for (std::uint64_t i = 0; i < count; ++i) {
      const T weight = number_at<T>(merged.dtype, to + i * size);
      put_number(merged.dtype, weight + scale * sum[i], to + i * size);
    }
    at += count;
  }
}

void LowRankEdit::edit(std::uint32_t output, std::uint64_t begin, std::span<std::byte> bytes) const {
  const MergedTensor& merged = merged_.at(output);
  if (merged.pair != nullptr)
    return merged.dtype == DType::kF64 ? add<double>(merged, output, begin, bytes, *doubles_)
                                       : add<float>(merged, output, begin, bytes, *floats_);
  const Tensor& tensor = adapter_.tensors[merged.whole];
  const std::byte* const from = files_.bytes(tensor.shard).data() + tensor.offset;
  const std::uint64_t size = element_bytes(merged.dtype);
  const std::uint64_t source_size = element_bytes(tensor.dtype);
  files_.guarded(tensor.shard, [&] {
    if (tensor.dtype == merged.dtype) {
      std::memcpy(bytes.data(), from + begin, bytes.size());
      return;
    }
    for (std::uint64_t i = 0; i < bytes.size() / size; ++i)
      put_number(merged.dtype, number_at<double>(tensor.dtype, from + (begin / size + i) * source_size),
                 bytes.data() + i * size);
  });
}

}  // namespace tenon
