#include "engine/verify_repeated.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/chunks.h"
#include "engine/element.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/workers.h"

namespace tenon {
namespace {

std::vector<bool> with_pieces(const Transfer& transfer) {
  std::vector<bool> out;
  for (const Target& target : transfer.targets) out.push_back(!target.pieces.empty());
  return out;
}

std::uint64_t bytes_with_pieces(const Transfer& transfer) {
  std::uint64_t bytes = 0;
  for (const Target& target : transfer.targets) bytes += target.pieces.empty() ? 0 : target.region.bytes;
  return bytes;
}

class RepeatedCopies {
 public:
  RepeatedCopies(const Plan& plan, const Checkpoint& source, const Transfer& repeated,
                 const std::vector<ShardFile>& written, const EngineOptions& options, Observer& observer)
      : plan_(plan),
        repeated_(repeated),
        written_files_(written),
        source_files_(source.shards),
        workers_(options, bytes_with_pieces(repeated), observer),
        first_(plan.outputs.size()) {}

  std::vector<WrittenDifference> run() {
    const std::vector<Segment> segments =
        cut_into_blocks(regions_of(repeated_.targets), with_pieces(repeated_));
    workers_.for_each(segments.size(), [&] {
      const auto buffers = std::make_shared<Buffers>();
      return [&, buffers](std::size_t i) { compare(segments[i], *buffers); };
    });
    source_files_.check_unchanged();
    written_files_.check_unchanged();
    std::vector<WrittenDifference> found;
    for (std::size_t i = 0; i < first_.size(); ++i) {
      if (first_[i]) found.push_back(describe(i, *first_[i]));
    }
    return found;
  }

 private:
  struct Buffers {
    std::vector<std::byte> written = std::vector<std::byte>(kChunk);
    std::vector<std::byte> expected = std::vector<std::byte>(kChunk);
  };
  struct Mismatch {
    std::uint64_t offset;  // in the output
    std::string written;   // the element's bytes
    std::string expected;
  };

  void compare(const Segment& segment, Buffers& buffers) {
    const Target& target = repeated_.targets[segment.tensor];
    StreamedTensor written(written_files_, target.region);
    const auto end_of = [&](std::uint64_t begin, std::uint64_t limit) {
      return chunk_end(target, begin, limit, kChunk);
    };
    stream(segment, workers_.watch(), end_of, [&](std::uint64_t begin, std::uint64_t end) {
      const std::size_t size = end - begin;
      written.read(begin, end, [&](std::span<const std::byte> bytes) {
        std::memcpy(buffers.written.data(), bytes.data(), bytes.size());
      });
      // What other copies fill is compared elsewhere.
      std::memcpy(buffers.expected.data(), buffers.written.data(), size);
      fetch_sources(repeated_, target, begin, end, source_files_);
      gather(repeated_, target, begin, {buffers.expected.data(), size}, source_files_, {});
      const std::uint64_t at = first_difference(buffers.written.data(), buffers.expected.data(), size);
      if (at < size) keep_first(segment.tensor, begin, begin + at, buffers);
      workers_.advance(size);
    });
    release_sources(repeated_, target, segment.begin, segment.end, source_files_);
  }

  void keep_first(std::uint32_t output, std::uint64_t begin, std::uint64_t at, const Buffers& buffers) {
    const std::uint64_t size = element_bytes(plan_.outputs[output].view.dtype);
    const std::uint64_t offset = at / size * size;
    const auto hex = [&](const std::vector<std::byte>& bytes) {
      return hex_of_element({bytes.data() + (offset - begin), static_cast<std::size_t>(size)});
    };
    const std::lock_guard lock(noting_);
    if (first_[output] && first_[output]->offset <= offset) return;
    first_[output] = Mismatch{offset, hex(buffers.written), hex(buffers.expected)};
  }

  WrittenDifference describe(std::size_t output, const Mismatch& mismatch) const {
    const PlannedTensor& tensor = plan_.outputs[output];
    WrittenDifference difference;
    difference.shard = plan_.shards[tensor.shard].name;
    difference.problem = fmt::format("element {} of '{}' is {}; it should be {}",
                                     element_at(tensor.view.dtype, mismatch.offset), tensor.key,
                                     mismatch.written, mismatch.expected);
    return difference;
  }

  const Plan& plan_;
  const Transfer& repeated_;
  SourceFiles written_files_;
  SourceFiles source_files_;
  Workers workers_;
  std::mutex noting_;
  std::vector<std::optional<Mismatch>> first_;  // by output
};

}  // namespace

std::vector<WrittenDifference> verify_repeated(const Plan& plan, const Checkpoint& source,
                                               const Transfer& repeated,
                                               const std::vector<ShardFile>& written,
                                               const EngineOptions& options, Observer& observer) {
  if (bytes_with_pieces(repeated) == 0) return {};
  return RepeatedCopies(plan, source, repeated, written, options, observer).run();
}

}  // namespace tenon
