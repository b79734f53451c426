#include "engine/verify_written.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/element.h"
#include "engine/filler.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/transfer.h"
#include "engine/workers.h"
#include "engine/written_files.h"

namespace tenon {
namespace {

class Verification {
 public:
  Verification(const Plan& plan, const Checkpoint& source, const Transfer& inverse,
               const std::vector<ShardFile>& written, const EngineOptions& options)
      : plan_(plan),
        source_(source),
        inverse_(inverse),
        written_files_(written),
        source_files_(source.shards),
        workers_(options),
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
    const Region& region = target.region;
    const std::byte* tensor = source_files_.bytes(region.file).data() + region.offset;
    for (std::uint64_t begin = segment.begin; begin < segment.end;) {
      workers_.throw_if_stopped();
      const std::uint64_t end = chunk_end(target, begin, segment.end, room_);
      const std::uint64_t size = end - begin;
      fetch_sources(inverse_, target, begin, end, written_files_);
      gather(inverse_, target, begin, {written, size}, written_files_, {});
      source_files_.fetch(region.file, region.offset + begin, size);
      std::uint64_t at = size;
      source_files_.guarded(region.file, [&] { at = first_difference(written, tensor + begin, size); });
      if (at < size) note(segment.tensor, begin, begin + at, written);
      source_files_.release(region.file, region.offset + begin, size);
      workers_.advance(size);
      begin = end;
    }
    release_sources(inverse_, target, segment.begin, segment.end, written_files_);
  }

  // Byte `at` of a source tensor differs; `written` holds what was found from byte `begin` on.
  void note(std::uint32_t tensor, std::uint64_t begin, std::uint64_t at, const std::byte* written) {
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

std::string to_string(const WrittenDifference& difference) {
  if (!difference.problem.empty()) return fmt::format("{}: {}", difference.shard, difference.problem);
  return fmt::format("{}: element {} of '{}' is {}; the source has {} (element {} of '{}')", difference.shard,
                     difference.output_element, difference.output_key, difference.written,
                     difference.expected, difference.source_element, difference.source_key);
}

WrittenCheck verify_written(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                            const EngineOptions& options) {
  WrittenCheck check;
  std::vector<ShardFile> written;
  for (const PlannedShard& shard : plan.shards) {
    if (const auto problem = header_difference(shard, folder)) {
      check.differences.push_back({shard.name, *problem, "", 0, "", 0, "", ""});
      continue;
    }
    written.push_back(describe(folder / shard.name));
    check.bytes += written.back().size;
    check.bytes_in_memory += forget_cached(written.back());
  }
  if (written.size() < plan.shards.size()) return check;
  allow_open_files(source.shards.size() + written.size());
  const Transfer inverse = invert(make_transfer(plan, source));
  Verification verification(plan, source, inverse, written, options);
  verification.run();
  check.differences = verification.differences();
  return check;
}

}  // namespace tenon
