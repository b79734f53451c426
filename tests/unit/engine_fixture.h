// Checkpoints and plans made by hand, for the engine's tests: no rules, no headers to parse.
#pragma once

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "../element_walk.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "engine/hash.h"
#include "plan/plan.h"
#include "temporary_folder.h"

namespace tenon {

inline ShardFile describe_file(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw std::runtime_error("stat failed");
  return {path,
          static_cast<std::uint64_t>(status.st_size),
          static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec,
          {}};
}

/// A source of random bytes: shards of tensors, eight bytes of "header" before the first one.
class HandMadeSource {
 public:
  explicit HandMadeSource(const std::filesystem::path& folder) : folder_(folder) {}

  std::uint32_t add(const std::string& key, DType dtype, const Shape& shape, std::uint32_t shard = 0) {
    if (contents_.size() <= shard) contents_.resize(shard + 1, "headerxx");
    const std::uint64_t bytes = byte_size(dtype, shape).value();
    checkpoint.tensors.push_back({key, dtype, shape, shard, contents_[shard].size(), bytes});
    std::string content((bytes + 7) / 8 * 8, '\0');
    for (std::uint64_t i = 0; i < bytes; i += 8) {
      const std::uint64_t word = random_();
      std::memcpy(content.data() + i, &word, 8);
    }
    contents_[shard].append(content, 0, bytes);
    return static_cast<std::uint32_t>(checkpoint.tensors.size() - 1);
  }

  void write() {
    for (std::size_t i = 0; i < contents_.size(); ++i) {
      const auto path = folder_ / (fmt::format("source-{}", i));
      std::ofstream(path, std::ios::binary) << contents_[i];
      checkpoint.shards.push_back(describe_file(path));
    }
  }

  std::string bytes_of(std::uint32_t tensor) const {
    const Tensor& t = checkpoint.tensors[tensor];
    return contents_[t.shard].substr(t.offset, t.bytes);
  }

  Checkpoint checkpoint;

 private:
  std::filesystem::path folder_;
  std::vector<std::string> contents_;
  std::mt19937_64 random_{7};
};

inline EngineOptions quick_options(int threads) {
  EngineOptions options;
  options.threads = threads;
  options.sync = false;
  return options;
}

/// Keeps what an engine records of complete shards.
struct FinishedShards : ShardLog {
  std::vector<FinishedShard> all;
  void finished(const FinishedShard& shard) override { all.push_back(shard); }
};

/// Calls `seen` with each progress, and stops once `stop` is set.
struct Watcher : Observer {
  std::function<void(std::uint64_t done, std::uint64_t total)> seen;
  std::atomic<bool> stop = false;
  void progress(std::string_view /*stage*/, std::uint64_t done, std::uint64_t total) override {
    if (seen) seen(done, total);
  }
  bool stopped() const override { return stop; }
};

/// The hash of a tensor, over its bytes in memory.
inline std::string hash_of(const std::string& bytes) {
  return tensor_hash_of(std::as_bytes(std::span(bytes)));
}

/// Appends an output to a plan; `shard` must be the last one or the one after.
inline PlannedTensor& add_output(Plan& plan, const std::string& key, View view, std::uint32_t shard = 0) {
  if (plan.shards.size() <= shard) {
    plan.shards.push_back({fmt::format("shard-{}", shard), "HEADER", 6});
  }
  const std::uint64_t bytes = byte_size(view.dtype, view.shape).value();
  plan.outputs.push_back({key, std::move(view), -1, shard, plan.shards[shard].size, bytes});
  plan.shards[shard].size += bytes;
  return plan.outputs.back();
}

/// What an output must hold, one element after the other.
inline std::string expected_bytes(const PlannedTensor& output, const HandMadeSource& source) {
  std::string out(output.bytes, '\0');
  const std::size_t size = static_cast<std::size_t>(bits_of(output.view.dtype)) / 8;
  for (const Piece& piece : output.view.pieces) {
    const std::string bytes = source.bytes_of(piece.source);
    for_each_element(piece, [&](std::int64_t from, std::int64_t to) {
      std::copy_n(bytes.data() + static_cast<std::size_t>(from) * size, size,
                  out.data() + static_cast<std::size_t>(to) * size);
    });
  }
  return out;
}

/// The view of a row-major source whose axes are permuted: output axis i is source axis order[i].
inline View permuted_view(std::uint32_t source, DType dtype, const Shape& shape,
                          const std::vector<int>& order) {
  std::vector<std::int64_t> source_strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) source_strides[i - 1] = source_strides[i] * shape[i];
  View view{dtype, {}, {{source, 0, 0, {}}}};
  for (const int axis : order) view.shape.push_back(shape[static_cast<std::size_t>(axis)]);
  std::int64_t stride = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(order[i]);
    view.pieces[0].loops.insert(view.pieces[0].loops.begin(),
                                Loop{shape[axis], source_strides[axis], stride});
    stride *= shape[axis];
  }
  return view;
}

/// Joins views of one dtype and shape along a new innermost (`interleaved`) or outermost axis.
inline View joined_view(const std::vector<View>& parts, bool interleaved) {
  View view{
      parts[0].dtype, {static_cast<std::int64_t>(element_count(parts[0].shape).value() * parts.size())}, {}};
  const auto count = static_cast<std::int64_t>(parts.size());
  const std::int64_t each = view.shape[0] / count;
  for (std::int64_t i = 0; i < count; ++i) {
    for (Piece piece : parts[static_cast<std::size_t>(i)].pieces) {
      piece.output_offset = interleaved ? piece.output_offset * count + i : piece.output_offset + i * each;
      for (Loop& loop : piece.loops) loop.output_stride *= interleaved ? count : 1;
      view.pieces.push_back(std::move(piece));
    }
  }
  return view;
}

}  // namespace tenon
