// A transpose reads along one loop and writes along another. Whichever is the inner one, the other side
// touches a new cache line for every element, and lines are evicted before their neighbours are used. So the
// two loops with the smallest source stride (`across`) and the smallest target stride (`along`) are cut into
// tiles that fit the cache, and all the other loops go around them. Where both strides are one element, a
// tile is turned in registers: N rows of N elements are interleaved log2(N) times, row i with row i + N/2,
// which is the transpose.

#include "engine/copy_loops.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tenon {
namespace {

constexpr std::size_t kVectorBytes = 16;
constexpr std::uint64_t kTileBytes = 128;  // two cache lines of each of as many rows as fit an element

template <typename T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vector = typename Lanes<T>::Vector;

template <typename T, std::size_t... I>
Vector<T> interleave_low(Vector<T> a, Vector<T> b, std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 * n + I / 2)...);
}

template <typename T, std::size_t... I>
Vector<T> interleave_high(Vector<T> a, Vector<T> b, std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 * n + n / 2 + I / 2)...);
}

// N rows of N elements, `source_pitch` bytes apart, to N rows `target_pitch` bytes apart, turned.
template <typename T>
void transpose_in_registers(const std::byte* source, std::uint64_t source_pitch, std::byte* target,
                            std::uint64_t target_pitch) {
  constexpr std::size_t n = kVectorBytes / sizeof(T);
  constexpr auto lanes = std::make_index_sequence<n>();
  Vector<T> rows[n];
  Vector<T> next[n];
  for (std::size_t i = 0; i < n; ++i) std::memcpy(&rows[i], source + i * source_pitch, kVectorBytes);
  for (std::size_t round = 1; round < n; round *= 2) {
    for (std::size_t i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave_low<T>(rows[i], rows[i + n / 2], lanes);
      next[2 * i + 1] = interleave_high<T>(rows[i], rows[i + n / 2], lanes);
    }
    std::memcpy(rows, next, sizeof(rows));
  }
  for (std::size_t i = 0; i < n; ++i) std::memcpy(target + i * target_pitch, &rows[i], kVectorBytes);
}

template <typename T>
void copy_elements(const std::byte* source, std::byte* target, const ByteLoop& loop) {
  for (std::uint64_t i = 0; i < loop.extent; ++i) {
    std::memcpy(target + i * loop.target_stride, source + i * loop.source_stride, sizeof(T));
  }
}

// A tile of whole register blocks. It is turned into a scratch tile first: with power-of-two pitches the
// lines of 64 rows fall into the same few cache sets, so that only a row at a time may be touched on either
// side, each line in full.
template <typename T>
void turn_tile(const std::byte* source, std::byte* target, const ByteLoop& across, const ByteLoop& along) {
  constexpr std::uint64_t n = kVectorBytes / sizeof(T);
  constexpr std::uint64_t pitch = kTileBytes + kVectorBytes;
  alignas(64) std::byte scratch[kTileBytes / sizeof(T) * pitch];
  for (std::uint64_t i = 0; i < along.extent; i += n) {
    const std::byte* rows = source + i * along.source_stride;
    for (std::uint64_t k = n; k < 2 * n; ++k) {
      __builtin_prefetch(rows + k * along.source_stride);
      __builtin_prefetch(rows + k * along.source_stride + kTileBytes - 1);
    }
    for (std::uint64_t j = 0; j < across.extent; j += n) {
      transpose_in_registers<T>(rows + j * sizeof(T), along.source_stride,
                                scratch + j * pitch + i * sizeof(T), pitch);
    }
  }
  for (std::uint64_t j = 0; j < across.extent; ++j) {
    std::byte* to = target + j * across.target_stride;
    if (along.extent * sizeof(T) == kTileBytes) {
      std::memcpy(to, scratch + j * pitch, kTileBytes);
    } else {
      std::memcpy(to, scratch + j * pitch, along.extent * sizeof(T));
    }
  }
}

template <typename T>
void copy_tile(const std::byte* source, std::byte* target, const ByteLoop& across, const ByteLoop& along) {
  constexpr std::uint64_t n = kVectorBytes / sizeof(T);
  ByteLoop turned{0, across.source_stride, across.target_stride};
  if (across.source_stride == sizeof(T) && along.target_stride == sizeof(T)) {
    turned.extent = across.extent / n * n;
    const ByteLoop whole{along.extent / n * n, along.source_stride, along.target_stride};
    turn_tile<T>(source, target, turned, whole);
    const ByteLoop rest{along.extent - whole.extent, along.source_stride, along.target_stride};
    for (std::uint64_t i = 0; i < turned.extent && rest.extent > 0; ++i) {
      copy_elements<T>(source + whole.extent * along.source_stride + i * across.source_stride,
                       target + whole.extent * along.target_stride + i * across.target_stride, rest);
    }
  }
  for (std::uint64_t i = turned.extent; i < across.extent; ++i) {
    copy_elements<T>(source + i * across.source_stride, target + i * across.target_stride, along);
  }
}

template <typename T>
void copy_tiles(const std::byte* source, std::byte* target, const ByteLoop& across, const ByteLoop& along) {
  constexpr std::uint64_t tile = kTileBytes / sizeof(T);
  for (std::uint64_t i = 0; i < across.extent; i += tile) {
    const std::uint64_t height = std::min(tile, across.extent - i);
    for (std::uint64_t j = 0; j < along.extent; j += tile) {
      const std::uint64_t width = std::min(tile, along.extent - j);
      copy_tile<T>(source + i * across.source_stride + j * along.source_stride,
                   target + i * across.target_stride + j * along.target_stride,
                   {height, across.source_stride, across.target_stride},
                   {width, along.source_stride, along.target_stride});
    }
  }
}

struct Tiling {
  const ByteLoop* loops;
  std::size_t count;
  std::size_t across;  // the loop with the smallest source stride
  std::size_t along;   // the loop with the smallest target stride
};

template <typename T>
void walk_elements(const Tiling& tiling, std::size_t depth, const std::byte* source, std::byte* target) {
  while (depth == tiling.across || depth == tiling.along) ++depth;
  if (depth >= tiling.count) {
    const ByteLoop& across = tiling.loops[tiling.across];
    const ByteLoop& along = tiling.loops[tiling.along];
    if (tiling.across == tiling.along) return copy_elements<T>(source, target, along);
    return copy_tiles<T>(source, target, across, along);
  }
  const ByteLoop& loop = tiling.loops[depth];
  for (std::uint64_t i = 0; i < loop.extent; ++i) {
    walk_elements<T>(tiling, depth + 1, source + i * loop.source_stride, target + i * loop.target_stride);
  }
}

template <typename T>
void copy_typed(const Box& box, const std::byte* source, std::byte* target) {
  Tiling tiling{box.loops.data(), box.loops.size(), 0, 0};
  for (std::size_t i = 1; i < tiling.count; ++i) {
    if (box.loops[i].source_stride < box.loops[tiling.across].source_stride) tiling.across = i;
    if (box.loops[i].target_stride <= box.loops[tiling.along].target_stride) tiling.along = i;
  }
  walk_elements<T>(tiling, 0, source, target);
}

// memcpy() of glibc 2.36 takes `rep movsb` for long runs, which on AMD's Zen 3 and 4 is five times slower
// than plain vector loads and stores where source and target are not aligned alike: 3 against 15 GB/s,
// measured. Tensors in two files seldom are.
void copy_run(const std::byte* source, std::byte* target, std::uint64_t size) {
  constexpr std::uint64_t kWorthIt = 1024;
  constexpr std::uint64_t kStep = 4 * kVectorBytes;
  std::uint64_t done = 0;
  if (size >= kWorthIt) {
    for (; done + kStep <= size; done += kStep) {
      Vector<std::uint64_t> a, b, c, d;
      std::memcpy(&a, source + done, kVectorBytes);
      std::memcpy(&b, source + done + kVectorBytes, kVectorBytes);
      std::memcpy(&c, source + done + 2 * kVectorBytes, kVectorBytes);
      std::memcpy(&d, source + done + 3 * kVectorBytes, kVectorBytes);
      asm volatile("" ::: "memory");  // or the compiler makes a memcpy() of the loop
      std::memcpy(target + done, &a, kVectorBytes);
      std::memcpy(target + done + kVectorBytes, &b, kVectorBytes);
      std::memcpy(target + done + 2 * kVectorBytes, &c, kVectorBytes);
      std::memcpy(target + done + 3 * kVectorBytes, &d, kVectorBytes);
    }
  }
  std::memcpy(target + done, source + done, size - done);
}

void walk_runs(const Box& box, std::size_t depth, const std::byte* source, std::byte* target) {
  if (depth == box.loops.size()) return copy_run(source, target, box.run);
  const ByteLoop& loop = box.loops[depth];
  for (std::uint64_t i = 0; i < loop.extent; ++i) {
    walk_runs(box, depth + 1, source + i * loop.source_stride, target + i * loop.target_stride);
  }
}

}  // namespace

void copy_box(const Box& box, const std::byte* source, std::byte* target) {
  if (box.loops.empty()) return copy_run(source, target, box.run);
  switch (box.run) {
    case 1:
      return copy_typed<std::uint8_t>(box, source, target);
    case 2:
      return copy_typed<std::uint16_t>(box, source, target);
    case 4:
      return copy_typed<std::uint32_t>(box, source, target);
    case 8:
      return copy_typed<std::uint64_t>(box, source, target);
    default:
      return walk_runs(box, 0, source, target);
  }
}

}  // namespace tenon
