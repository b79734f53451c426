#include "parity/tensor_bytes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "engine/transfer.h"

namespace tenon {
namespace {

constexpr std::size_t kReadBlock = std::size_t{4} << 20;
constexpr std::int64_t kPieceElements = std::int64_t{1} << 21;

// Calls visit(source byte, output byte, bytes) for every run of a piece, until it returns false.
template <typename Visit>
bool for_each_run(const Piece& piece, std::size_t depth, std::int64_t from, std::int64_t to,
                  std::int64_t size, const Visit& visit) {
  const std::size_t left = piece.loops.size() - depth;
  if (left == 0) return visit(from * size, to * size, size);
  const Loop& loop = piece.loops[depth];
  if (left == 1 && loop.source_stride == 1 && loop.output_stride == 1)
    return visit(from * size, to * size, loop.extent * size);
  for (std::int64_t i = 0; i < loop.extent; ++i) {
    const bool goes_on = for_each_run(piece, depth + 1, from + i * loop.source_stride,
                                      to + i * loop.output_stride, size, visit);
    if (!goes_on) return false;
  }
  return true;
}

template <typename Visit>
bool for_each_run(const Piece& piece, std::size_t element_size, const Visit& visit) {
  return for_each_run(piece, 0, piece.source_offset, piece.output_offset,
                      static_cast<std::int64_t>(element_size), visit);
}

// A run is often a single element, whose size the compiler should know.
void copy_run(std::byte* to, const std::byte* from, std::int64_t bytes) {
  if (bytes == 2) {
    std::memcpy(to, from, 2);
  } else if (bytes == 4) {
    std::memcpy(to, from, 4);
  } else {
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }
}

std::size_t element_size_of(const View& view) {
  return static_cast<std::size_t>(bits_of(view.dtype) / 8);
}

void check_unchanged(const FileDescriptor& file, const ShardFile& shard) {
  struct stat now {};
  if (::fstat(file.get(), &now) != 0) throw SystemError("read", shard.path.string(), errno);
  if (static_cast<std::uint64_t>(now.st_size) != shard.size || modified_ns(now) != shard.modified_ns)
    throw UserError("file-changed"_id, place_of(shard.path),
                    "the file has changed since its header was read");
}

}  // namespace

std::shared_ptr<const Bytes> TensorReader::read(std::size_t tensor) const {
  const auto out = std::make_shared<Bytes>(checkpoint_.tensors.at(tensor).bytes);
  read(tensor, out->data());
  return out;
}

void TensorReader::read(std::size_t tensor, std::byte* out) const {
  const Tensor& t = checkpoint_.tensors.at(tensor);
  const ShardFile& shard = checkpoint_.shards.at(t.shard);
  const FileDescriptor file = open_for_reading(shard.path);
  check_unchanged(file, shard);
  const std::size_t blocks = (t.bytes + kReadBlock - 1) / kReadBlock;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t i) {
    const std::size_t begin = i * kReadBlock;
    const std::size_t count = std::min(kReadBlock, t.bytes - begin);
    read_at(file, shard.path, t.offset + begin, {reinterpret_cast<char*>(out) + begin, count});
  });
}

std::vector<Piece> cut_pieces(const View& view) {
  std::vector<Piece> out;
  for (const auto& piece : copies_of(view)) {
    if (piece.loops.empty() || element_count(piece) <= kPieceElements) {
      out.push_back(piece);
      continue;
    }
    const Loop& outer = piece.loops.front();
    const std::int64_t inner = element_count(piece) / outer.extent;
    const std::int64_t step = std::max<std::int64_t>(1, kPieceElements / inner);
    for (std::int64_t i = 0; i < outer.extent; i += step) {
      Piece part = piece;
      part.source_offset += i * outer.source_stride;
      part.output_offset += i * outer.output_stride;
      part.loops.front().extent = std::min(step, outer.extent - i);
      out.push_back(std::move(part));
    }
  }
  return out;
}

Bytes gather(const PlannedTensor& output, const SourceBytes& sources) {
  Bytes out(output.bytes);
  if (!zeros_of(output.view).empty()) std::fill(out.begin(), out.end(), std::byte{0});
  gather(output, sources, out.data());
  return out;
}

void gather(const PlannedTensor& output, const SourceBytes& sources, std::byte* out) {
  const auto pieces = cut_pieces(output.view);
  tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
    const std::byte* const source = sources.at(pieces[i].source)->data();
    if (const auto box = lower(pieces[i], output))
      copy_box(*box, source + box->source_offset, out + box->target_offset);
  });
}

// Is what no source fills zero?
bool zeros_stand(const View& view, const Bytes& bytes) {
  const std::vector<Piece> zeros = zeros_of(view);
  return std::all_of(zeros.begin(), zeros.end(), [&](const Piece& piece) {
    return for_each_run(piece, element_size_of(view), [&](std::int64_t, std::int64_t to, std::int64_t count) {
      return std::all_of(bytes.begin() + to, bytes.begin() + to + count,
                         [](std::byte b) { return b == std::byte{0}; });
    });
  });
}

bool gathered(const View& view, const SourceBytes& sources, const Bytes& bytes) {
  if (bytes.size() != byte_size(view.dtype, view.shape).value()) return false;
  const auto pieces = cut_pieces(view);
  std::atomic<bool> equal = zeros_stand(view, bytes);
  tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
    const std::byte* const source = sources.at(pieces[i].source)->data();
    const bool same = for_each_run(
        pieces[i], element_size_of(view), [&](std::int64_t from, std::int64_t to, std::int64_t count) {
          return std::memcmp(bytes.data() + to, source + from, static_cast<std::size_t>(count)) == 0;
        });
    if (!same) equal = false;
  });
  return equal;
}

void scatter(const std::vector<Piece>& pieces, std::size_t element_size, const Bytes& bytes, Bytes& source) {
  tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
    for_each_run(pieces[i], element_size, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
      copy_run(source.data() + from, bytes.data() + to, count);
      return true;
    });
  });
}

}  // namespace tenon
