#include "engine/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "engine/element.h"
#include "engine/source_files.h"
#include "engine/transfer.h"
#include "values/decode_lanes.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxRanges = std::size_t{1} << 22;
constexpr std::uint64_t kStep = 1 << 20;

// The first byte that is not zero, or `size`.
std::uint64_t first_set(const std::byte* bytes, std::uint64_t size) {
  return static_cast<std::uint64_t>(
      std::find_if(bytes, bytes + size, [](std::byte b) { return b != std::byte{0}; }) - bytes);
}

std::uint64_t first_other(const std::byte* a, const std::byte* b, std::uint64_t size) {
  if (std::memcmp(a, b, size) == 0) return size;
  return static_cast<std::uint64_t>(std::mismatch(a, a + size, b).first - a);
}

class Reader {
 public:
  Reader(SourceFiles& files, const Observer& observer) : files_(files), observer_(observer) {}

  // The first of the ranges' bytes that is not zero, from the tensor's beginning.
  std::optional<std::uint64_t> not_zero(const Region& region, const std::vector<ElementRange>& ranges,
                                        int bits) {
    for (const auto& range : ranges) {
      const auto begin = static_cast<std::uint64_t>(range.begin) * static_cast<std::uint64_t>(bits) / 8;
      const auto end = (static_cast<std::uint64_t>(range.end) * static_cast<std::uint64_t>(bits) + 7) / 8;
      for (std::uint64_t at = begin; at < end; at += kStep) {
        const std::uint64_t size = std::min(kStep, end - at);
        std::uint64_t found = size;
        const std::byte* const bytes = open(region, at, size);
        files_.guarded(region.file, [&] { found = first_set(bytes, size); });
        if (found < size) return at + found;
      }
    }
    return std::nullopt;
  }

  // The first byte in which two tensors of one size differ.
  std::optional<std::uint64_t> not_equal(const Region& a, const Region& b) {
    for (std::uint64_t at = 0; at < a.bytes; at += kStep) {
      const std::uint64_t size = std::min(kStep, a.bytes - at);
      std::uint64_t found = size;
      const std::byte* const one = open(a, at, size);
      const std::byte* const other = open(b, at, size);
      files_.guarded(a.file, [&] { found = first_other(one, other, size); });
      if (found < size) return at + found;
    }
    return std::nullopt;
  }

 private:
  const std::byte* open(const Region& region, std::uint64_t at, std::uint64_t size) {
    observer_.throw_if_stopped();
    files_.fetch(region.file, region.offset + at, size);
    return files_.bytes(region.file).data() + region.offset + at;
  }

  SourceFiles& files_;
  const Observer& observer_;
};

Region bytes_of(const Tensor& t) {
  return {t.shard, t.offset, t.bytes};
}

Region bytes_of(const PlannedTensor& t) {
  return {t.shard, t.offset, t.bytes};
}

class ConditionCheck {
 public:
  ConditionCheck(const Plan& plan, const Checkpoint& source, const Observer& observer)
      : plan_(plan), source_(source), observer_(observer), files_(source.shards), reader_(files_, observer) {}

  std::vector<Diagnostic> run() {
    for (const Condition& condition : plan_.conditions) {
      if (condition.kind == Condition::Kind::kEqual) {
        equal(condition);
      } else if (condition.kind == Condition::Kind::kScale) {
        scale(condition);
      } else {
        zero(condition);
      }
    }
    files_.check_unchanged();
    errors_.throw_if_errors();
    return std::move(lost_);
  }

 private:
  void equal(const Condition& condition) {
    const Tensor& a = source_.tensors[condition.first];
    const Tensor& b = source_.tensors[condition.second];
    const auto at = reader_.not_equal(bytes_of(a), bytes_of(b));
    if (!at) return;
    errors_.add(
        {Severity::kError,
         "tied-differ"_id,
         {source_.directory.string(), 0, 0, {}, a.key, ""},
         fmt::format("{} {} is not equal to {}: they differ from element {} on", name_of(a.dtype),
                     to_string(a.shape), b.key, element_at(a.dtype, *at)),
         fmt::format("{}; this one would be lost. Take that out of the rules to keep both.", condition.why)});
  }

  // Scales are a hundredth or less of the codes that they belong to.
  void scale(const Condition& condition) {
    const Tensor& tensor = source_.tensors[condition.first];
    double factor = 1;
    if (condition.has_second)
      each_number(source_.tensors[condition.second], [&](std::uint64_t, float value) {
        factor = value;
        return false;
      });
    each_number(tensor, [&](std::uint64_t i, float scale) {
      const double value = condition.divides ? scale / factor : scale * factor;
      if (value >= condition.least && value < condition.limit) return true;
      // What is no scale at all is refused where it is used; there is one format in which it may be zero.
      if (!(scale > 0 || (scale == 0 && condition.has_second)) || std::isinf(scale)) return true;
      errors_.add_once(
          condition.why,
          {Severity::kError,
           "value-codes-lost"_id,
           {source_.directory.string(), 0, 0, {}, tensor.key, ""},
           fmt::format(
               "{}: element {} of {}{} comes to {}: its block's codes do not come back from numbers",
               condition.why, i, header_of(tensor.dtype, tensor.shape),
               condition.has_second ? fmt::format(" with {}", source_.tensors[condition.second].key) : "",
               value),
           "Keep the codes beside the numbers with --keep-codes GLOB, or accept it with --one-way.",
           {},
           {}});
      return false;
    });
  }

  // Calls `use` with each element of a tensor and its number in the row, until it returns false.
  template <typename Use>
  void each_number(const Tensor& tensor, const Use& use) {
    constexpr std::size_t kNumbers = 1 << 16;
    const bool powers = tensor.dtype == DType::kU8;
    const auto coding = powers ? std::optional(Coding{Format::kE8M0, 8}) : coding_of(tensor.dtype);
    const std::uint64_t total = element_count(tensor.shape).value_or(0);
    if (!coding || total == 0) return;
    const std::int64_t bits = coding->bits;
    const NestOperand operand{files_.bytes(tensor.shard).data() + tensor.offset, tensor.bytes, 0, {bits}};
    std::vector<float> numbers(std::min<std::uint64_t>(kNumbers, total));
    for (std::uint64_t at = 0; at < total; at += numbers.size()) {
      observer_.throw_if_stopped();
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(numbers.size(), total - at));
      files_.guarded(tensor.shard, [&] {
        lanes::with_decoder<float>(*coding, [&](const auto& decode) {
          lanes::decode_row(operand, *coding, static_cast<std::int64_t>(at) * bits, bits, count,
                            numbers.data(), decode);
        });
      });
      for (std::size_t i = 0; i < count; ++i) {
        if (!use(at + i, numbers[i])) return;
      }
    }
  }

  void zero(const Condition& condition) {
    std::map<std::uint32_t, std::vector<Piece>> by_source;
    for (const auto& piece : copies_of(condition.view)) by_source[piece.source].push_back(piece);
    for (const auto& [source, pieces] : by_source) {
      const Tensor& t = source_.tensors[source];
      const auto ranges = read_by(pieces, kMaxRanges);
      const int bits = bits_of(t.dtype);
      const auto at = ranges ? reader_.not_zero(bytes_of(t), *ranges, bits) : std::optional<std::uint64_t>(0);
      if (at) report(condition, t, *at);
    }
  }

  void report(const Condition& condition, const Tensor& t, std::uint64_t at) {
    const Place place{source_.directory.string(), 0, 0, {}, t.key, ""};
    if (condition.kind == Condition::Kind::kAnything) {
      lost_.push_back(
          {Severity::kNote, "cut-off"_id, place,
           fmt::format("what is cut off of {} {} is not zero (element {} is not): it does not come back",
                       name_of(t.dtype), to_string(t.shape), element_at(t.dtype, at)),
           ""});
      return;
    }
    if (condition.kind == Condition::Kind::kApart) {
      errors_.add(
          {Severity::kError, "adapter-not-apart"_id, place,
           fmt::format("{} {} is not block diagonal: element {} is not zero, and {}", name_of(t.dtype),
                       to_string(t.shape), element_at(t.dtype, at), condition.why),
           "It was trained as one: it has no parts. Merge it into its base: tenon merge BASE ADAPTER OUT."});
      return;
    }
    errors_.add(
        {Severity::kError, "cut-off-not-zero"_id, place,
         fmt::format("{} {}: element {} would be cut off, and is not zero", name_of(t.dtype),
                     to_string(t.shape), element_at(t.dtype, at)),
         fmt::format("{} cuts off zeros only. With `any: true` on its operation what is there is lost.",
                     condition.why)});
  }

  const Plan& plan_;
  const Checkpoint& source_;
  const Observer& observer_;
  SourceFiles files_;
  Reader reader_;
  Diagnostics errors_;
  std::vector<Diagnostic> lost_;
};

// The first output before `i` that is the same view of the same tensors.
std::vector<std::pair<std::size_t, std::size_t>> second_names(const Plan& plan) {
  std::map<std::uint32_t, std::vector<std::size_t>> by_source;
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const View& view = plan.outputs[i].view;
    if (view.pieces.empty()) continue;
    auto& others = by_source[view.pieces.front().source];
    const auto same = std::find_if(others.begin(), others.end(), [&](std::size_t other) {
      const View& seen = plan.outputs[other].view;
      return seen.dtype == view.dtype && seen.shape == view.shape && seen.pieces == view.pieces;
    });
    if (same != others.end()) {
      out.emplace_back(i, *same);
    } else if (view.pieces.size() == 1 || is_zero(view.pieces.front())) {
      others.push_back(i);
    }
  }
  return out;
}

}  // namespace

std::vector<Diagnostic> check_conditions(const Plan& plan, const Checkpoint& source,
                                         const Observer& observer) {
  if (plan.conditions.empty()) return {};
  allow_open_files(source.shards.size());
  return ConditionCheck(plan, source, observer).run();
}

std::vector<WrittenProblem> written_beside_copies(const Plan& plan, const std::vector<ShardFile>& written) {
  std::vector<WrittenProblem> out;
  SourceFiles files(written);
  Reader reader(files, nobody());
  const auto add = [&](const PlannedTensor& output, std::string what) {
    out.push_back({plan.shards[output.shard].name, std::move(what)});
  };
  for (const PlannedTensor& output : plan.outputs) {
    const std::vector<Piece> zeros = zeros_of(output.view);
    if (zeros.empty()) continue;
    const auto ranges = filled_by(zeros, kMaxRanges);
    const auto at = ranges ? reader.not_zero(bytes_of(output), *ranges, bits_of(output.view.dtype))
                           : std::optional<std::uint64_t>(0);
    if (at)
      add(output, fmt::format("element {} of '{}' is not zero, which it was padded with",
                              element_at(output.view.dtype, *at), output.key));
  }
  for (const auto& [second, first] : second_names(plan)) {
    const PlannedTensor& a = plan.outputs[second];
    const PlannedTensor& b = plan.outputs[first];
    if (const auto at = reader.not_equal(bytes_of(a), bytes_of(b)))
      add(a,
          fmt::format("element {} of '{}' is not that of '{}'", element_at(a.view.dtype, *at), a.key, b.key));
  }
  return out;
}

}  // namespace tenon
