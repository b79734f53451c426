#include "engine/verify_computed.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/chunks.h"
#include "engine/computed.h"
#include "engine/element.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/workers.h"
#include "values/evaluate.h"

namespace tenon {
namespace {

class Recomputation {
 public:
  Recomputation(const Plan& plan, const Checkpoint& source, const Transfer& transfer,
                const std::vector<ShardFile>& written, const EngineOptions& options, Observer& observer)
      : plan_(plan),
        transfer_(transfer),
        written_files_(written),
        source_files_(source.shards),
        workers_(options, computed_bytes(transfer), observer),
        first_(plan.outputs.size()) {}

  std::vector<WrittenDifference> run() {
    std::vector<bool> wanted;
    for (const Target& target : transfer_.targets) wanted.push_back(!target.computed.empty());
    const std::vector<Segment> segments = cut_into_blocks(regions_of(transfer_.targets), wanted);
    workers_.for_each(segments.size(), [&] {
      const auto state = std::make_shared<State>();
      return [&, state](std::size_t i) { compare(segments[i], *state); };
    });
    source_files_.check_unchanged();
    written_files_.check_unchanged();
    std::vector<WrittenDifference> found;
    for (const auto& difference : first_) {
      if (difference) found.push_back(difference->second);
    }
    return found;
  }

 private:
  struct State {
    std::vector<std::byte> written = std::vector<std::byte>(kChunk);
    std::map<std::uint32_t, EvaluationMemory> memory;  // by recipe
  };

  void compare(const Segment& segment, State& state) {
    const Target& target = transfer_.targets[segment.tensor];
    StreamedTensor written(written_files_, target.region);
    stream(segment, workers_.watch(), [&](std::uint64_t begin, std::uint64_t end) {
      written.read(begin, end, [&](std::span<const std::byte> bytes) {
        std::memcpy(state.written.data(), bytes.data(), bytes.size());
      });
      fetch_operands(transfer_, target, plan_.recipes, begin, end, source_files_);
      const auto [first, last] = computed_within(target, begin, end);
      for (std::size_t i = first; i < last; ++i) {
        clip(target.computed[i], begin, end, [&](const ComputedPiece& part) {
          compare_part(segment.tensor, part, begin, state);
          workers_.advance(element_count(part) * part.element_bytes);
        });
      }
    });
  }

  void compare_part(std::uint32_t output, const ComputedPiece& part, std::uint64_t begin, State& state) {
    const Recipe& recipe = plan_.recipes[part.recipe - 1];
    const Nest nest = nest_of(part, transfer_.sources, source_files_);
    EvaluationMemory& memory = state.memory[part.recipe];
    const std::uint64_t count = element_count(part);
    std::vector<std::uint64_t> at(part.extents.size());
    std::uint64_t place = part.target_offset - begin;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i % 65536 == 0) workers_.watch().throw_if_stopped();
      Evaluated expected;
      guard(part, transfer_.sources, source_files_, [&] { expected = evaluate(recipe, nest, i, &memory); });
      std::uint64_t found = 0;
      std::memcpy(&found, state.written.data() + place, part.element_bytes);
      if (expected.refused || !same(recipe, expected.element, found))
        keep_first(output, begin + place, part.element_bytes, expected, found);
      for (std::size_t d = at.size(); d-- > 0;) {
        place += part.target_strides[d];
        if (++at[d] < static_cast<std::uint64_t>(part.extents[d])) break;
        place -= at[d] * part.target_strides[d];
        at[d] = 0;
      }
    }
  }

  // The sign and the payload of a NaN mean nothing.
  static bool same(const Recipe& recipe, std::uint64_t expected, std::uint64_t found) {
    if (expected == found) return true;
    return recipe.result.fields.empty() && is_nan_code(recipe.result.coding, expected) &&
           is_nan_code(recipe.result.coding, found);
  }

  void keep_first(std::uint32_t output, std::uint64_t offset, std::uint64_t size, const Evaluated& expected,
                  std::uint64_t found) {
    const std::lock_guard lock(noting_);
    if (first_[output] && first_[output]->first <= offset) return;
    const PlannedTensor& tensor = plan_.outputs[output];
    const auto hex = [&](std::uint64_t element) {
      return hex_of_element({reinterpret_cast<const std::byte*>(&element), static_cast<std::size_t>(size)});
    };
    WrittenDifference difference;
    difference.shard = plan_.shards[tensor.shard].name;
    difference.problem =
        fmt::format("element {} of '{}' is {}; it should be {}", element_at(tensor.view.dtype, offset),
                    tensor.key, hex(found), expected.refused ? "refused" : hex(expected.element));
    first_[output] = std::pair(offset, std::move(difference));
  }

  const Plan& plan_;
  const Transfer& transfer_;
  SourceFiles written_files_;
  SourceFiles source_files_;
  Workers workers_;
  std::mutex noting_;
  std::vector<std::optional<std::pair<std::uint64_t, WrittenDifference>>> first_;  // by output: where, what
};

}  // namespace

std::uint64_t computed_bytes(const Transfer& transfer) {
  std::uint64_t bytes = 0;
  for (const Target& target : transfer.targets) {
    for (const ComputedPiece& piece : target.computed) bytes += element_count(piece) * piece.element_bytes;
  }
  return bytes;
}

std::vector<WrittenDifference> verify_computed(const Plan& plan, const Checkpoint& source,
                                               const Transfer& transfer,
                                               const std::vector<ShardFile>& written,
                                               const EngineOptions& options, Observer& observer) {
  if (computed_bytes(transfer) == 0) return {};
  return Recomputation(plan, source, transfer, written, options, observer).run();
}

}  // namespace tenon
