#include "engine/verify_written.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/chunks.h"
#include "engine/conditions.h"
#include "engine/element.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/transfer.h"
#include "engine/verify_computed.h"
#include "engine/verify_repeated.h"
#include "engine/workers.h"
#include "engine/written_files.h"

namespace tenon {
namespace {

std::uint64_t bytes_to_compare(const Transfer& inverse) {
  std::uint64_t bytes = 0;
  for (const Target& target : inverse.targets) bytes += target.pieces.empty() ? 0 : target.region.bytes;
  return bytes;
}

class Verification {
 public:
  Verification(const Plan& plan, const Checkpoint& source, const Transfer& inverse,
               const std::vector<ShardFile>& written, const EngineOptions& options, Observer& observer)
      : plan_(plan),
        source_(source),
        inverse_(inverse),
        written_files_(written),
        source_files_(source.shards),
        workers_(options, bytes_to_compare(inverse), observer),
        room_(buffer_size(thread_count(options))),
        first_(source.tensors.size()) {}

  void run() {
    std::vector<bool> wanted;
    for (const Target& target : inverse_.targets) wanted.push_back(!target.pieces.empty());
    const std::vector<Segment> segments = cut_into_blocks(regions_of(inverse_.targets), wanted);
    workers_.for_each(segments.size(), [&] {
      const std::shared_ptr<std::byte[]> buffer(new std::byte[room_]);
      return [&, buffer](std::size_t i) { compare(segments[i], buffer.get()); };
    });
    source_files_.check_unchanged();
    written_files_.check_unchanged();
  }

  std::vector<WrittenDifference> differences() const {
    std::vector<WrittenDifference> found;
    for (std::uint32_t i = 0; i < first_.size(); ++i) {
      if (first_[i]) found.push_back(describe(i, *first_[i]));
    }
    return found;
  }

 private:
  struct Mismatch {
    std::uint64_t offset;  // in the source tensor
    std::string written;   // the element's bytes
    std::string expected;
  };

  void compare(const Segment& segment, std::byte* written) {
    const Target& target = inverse_.targets[segment.tensor];
    StreamedTensor source(source_files_, target.region);
    const auto end_of = [&](std::uint64_t begin, std::uint64_t limit) {
      return chunk_end(target, begin, limit, room_);
    };
    stream(segment, workers_.watch(), end_of, [&](std::uint64_t begin, std::uint64_t end) {
      fetch_sources(inverse_, target, begin, end, written_files_);
      if (target.rest == Target::Rest::kAnything)
        source.read(begin, end, [&](std::span<const std::byte> bytes) {
          std::memcpy(written, bytes.data(), bytes.size());
        });
      gather(inverse_, target, begin, {written, end - begin}, written_files_, {});
      std::uint64_t at = end - begin;
      source.read(begin, end, [&](std::span<const std::byte> bytes) {
        at = first_difference(written, bytes.data(), bytes.size());
      });
      if (begin + at < end) keep_first(segment.tensor, begin, begin + at, written);
      workers_.advance(end - begin);
    });
    release_sources(inverse_, target, segment.begin, segment.end, written_files_);
  }

  // Byte `at` of a source tensor differs; `written` holds what was found from byte `begin` on.
  void keep_first(std::uint32_t tensor, std::uint64_t begin, std::uint64_t at, const std::byte* written) {
    const std::uint64_t size = element_bytes(source_.tensors[tensor].dtype);
    const std::uint64_t offset = at / size * size;
    const std::string found = hex_of_element({written + (offset - begin), size});
    const std::string wanted = hex_of_element(source_files_, source_.tensors[tensor], offset);
    const std::lock_guard lock(noting_);
    if (!first_[tensor] || offset < first_[tensor]->offset) first_[tensor] = Mismatch{offset, found, wanted};
  }

  WrittenDifference describe(std::uint32_t tensor, const Mismatch& mismatch) const {
    WrittenDifference difference;
    const Tensor& source = source_.tensors[tensor];
    difference.source_key = source.key;
    difference.source_element = element_at(source.dtype, mismatch.offset);
    difference.written = mismatch.written;
    difference.expected = mismatch.expected;
    for (const BytePiece& piece : inverse_.targets[tensor].pieces) {
      clip(piece.box, mismatch.offset, mismatch.offset + 1, [&](const Box& box) {
        const PlannedTensor& output = plan_.outputs[piece.source];
        difference.shard = plan_.shards[output.shard].name;
        difference.output_key = output.key;
        difference.output_element = element_at(output.view.dtype, box.source_offset);
      });
    }
    return difference;
  }

  const Plan& plan_;
  const Checkpoint& source_;
  const Transfer& inverse_;
  SourceFiles written_files_;
  SourceFiles source_files_;
  Workers workers_;
  const std::uint64_t room_;  // bytes of a thread's buffer
  std::mutex noting_;
  std::vector<std::optional<Mismatch>> first_;  // by source tensor
};

}  // namespace

WrittenCheck verify_written(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                            const EngineOptions& options, Observer& observer) {
  WrittenCheck check;
  std::vector<ShardFile> written;
  for (const PlannedShard& shard : plan.shards) {
    if (const auto problem = header_difference(shard, folder)) {
      check.differences.push_back({shard.name, *problem, "", 0, "", 0, "", ""});
      continue;
    }
    written.push_back(examine(folder / shard.name));
    check.bytes += written.back().size;
    check.bytes_in_memory += forget_cached(written.back());
  }
  if (written.size() < plan.shards.size()) return check;
  allow_open_files(source.shards.size() + written.size());
  Transfer transfer = make_transfer(plan, source);
  const Transfer repeated = take_repeated(plan, transfer);
  Transfer inverse = invert(transfer);
  mark_cut_off(plan, inverse);
  mark_computed(transfer, inverse);
  Verification verification(plan, source, inverse, written, options, observer);
  verification.run();
  check.differences = verification.differences();
  for (auto& difference : verify_repeated(plan, source, repeated, written, options, observer))
    check.differences.push_back(std::move(difference));
  for (auto& difference : verify_computed(plan, source, transfer, written, options, observer))
    check.differences.push_back(std::move(difference));
  for (const auto& problem : written_beside_copies(plan, written))
    check.differences.push_back({problem.shard, problem.what, "", 0, "", 0, "", ""});
  return check;
}

}  // namespace tenon
