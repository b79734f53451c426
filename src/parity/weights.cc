#include "parity/weights.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <span>

#include "checkpoint/file.h"
#include "engine/hash.h"

namespace tenon {
namespace {

// Calls copy(source byte, output byte, bytes) for every run of a piece.
template <typename Copy>
void for_each_run(const Piece& piece, std::size_t depth, std::int64_t from, std::int64_t to,
                  std::int64_t size, const Copy& copy) {
  const std::size_t left = piece.loops.size() - depth;
  if (left == 0) return copy(from * size, to * size, size);
  const Loop& loop = piece.loops[depth];
  if (left == 1 && loop.source_stride == 1 && loop.output_stride == 1)
    return copy(from * size, to * size, loop.extent * size);
  for (std::int64_t i = 0; i < loop.extent; ++i)
    for_each_run(piece, depth + 1, from + i * loop.source_stride, to + i * loop.output_stride, size, copy);
}

template <typename Copy>
void for_each_run(const View& view, const Copy& copy) {
  const std::int64_t size = bits_of(view.dtype) / 8;
  for (const auto& piece : view.pieces) {
    for_each_run(piece, 0, piece.source_offset, piece.output_offset, size,
                 [&](std::int64_t from, std::int64_t to, std::int64_t bytes) {
                   copy(piece.source, static_cast<std::size_t>(from), static_cast<std::size_t>(to),
                        static_cast<std::size_t>(bytes));
                 });
  }
}

void check_unchanged(const FileDescriptor& file, const ShardFile& shard) {
  struct stat now {};
  if (::fstat(file.get(), &now) != 0) throw SystemError("read", shard.path.string(), errno);
  const std::int64_t modified = now.st_mtim.tv_sec * 1'000'000'000LL + now.st_mtim.tv_nsec;
  if (static_cast<std::uint64_t>(now.st_size) != shard.size || modified != shard.modified_ns)
    throw UserError({shard.path.string(), 0, 0, {}, "", ""},
                    "the file has changed since its header was read");
}

}  // namespace

Bytes TensorReader::read(std::size_t tensor) const {
  const Tensor& t = checkpoint_.tensors.at(tensor);
  const ShardFile& shard = checkpoint_.shards.at(t.shard);
  const FileDescriptor file = open_for_reading(shard.path);
  check_unchanged(file, shard);
  Bytes out(t.bytes);
  read_at(file, shard.path, t.offset, {reinterpret_cast<char*>(out.data()), out.size()});
  return out;
}

std::vector<std::uint32_t> sources_of(const View& view) {
  std::set<std::uint32_t> out;
  for (const auto& piece : view.pieces) out.insert(piece.source);
  return {out.begin(), out.end()};
}

Bytes gather(const View& view, const SourceBytes& sources) {
  Bytes out(byte_size(view.dtype, view.shape).value());
  for_each_run(view, [&](std::uint32_t source, std::size_t from, std::size_t to, std::size_t bytes) {
    std::memcpy(out.data() + to, sources.at(source).data() + from, bytes);
  });
  return out;
}

void scatter(const View& view, const Bytes& bytes, SourceBytes& sources) {
  for_each_run(view, [&](std::uint32_t source, std::size_t from, std::size_t to, std::size_t count) {
    std::memcpy(sources.at(source).data() + from, bytes.data() + to, count);
  });
}

std::string hash_of(const Bytes& bytes) {
  std::vector<Digest> blocks;
  StreamHash hash;
  for (std::uint64_t i = 0; i < hash_blocks(bytes.size()); ++i) {
    const std::size_t begin = i * kHashBlock;
    hash.reset();
    hash.update(std::span(bytes).subspan(begin, std::min<std::size_t>(kHashBlock, bytes.size() - begin)));
    blocks.push_back(hash.digest());
  }
  return tensor_hash(blocks);
}

}  // namespace tenon
