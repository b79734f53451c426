#include "engine/damage.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "engine/chunks.h"
#include "engine/computed.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/workers.h"
#include "values/decode_lanes.h"

namespace tenon {
namespace {

// How far beyond the largest number of a coding rounding reaches, as a part of it.
std::optional<double> half_step_above(Coding coding) {
  switch (coding.format) {
    case Format::kE4M3:
      return 16.0 / 448;
    case Format::kE5M2:
      return 4096.0 / 57344;
    case Format::kE2M1:
      return 1.0 / 6;
    case Format::kSigned:
      return 0.5 / (std::exp2(coding.bits - 1) - 1);
    default:
      return std::nullopt;
  }
}

double largest_of(Coding coding) {
  switch (coding.format) {
    case Format::kE4M3:
      return 448;
    case Format::kE5M2:
      return 57344;
    case Format::kE2M1:
      return 6;
    case Format::kSigned:
      return std::exp2(coding.bits - 1) - 1;
    default:
      return std::numeric_limits<double>::infinity();
  }
}

std::size_t bin_of(double off, double was) {
  if (off == 0) return 0;
  if (off > std::fabs(was)) return Damage::kBins - 1;
  const double power = std::ceil(std::log2(off / std::fabs(was)));
  return static_cast<std::size_t>(std::clamp(power + 17.0, 1.0, static_cast<double>(Damage::kBins - 2)));
}

// One tensor, by one thread: sums are made in one order.
class TensorDamage {
 public:
  TensorDamage(const Plan& back, const Transfer& transfer, std::uint32_t output, const Tensor& was,
               SourceFiles& converted, SourceFiles& source, Computer& computer)
      : plan_(back),
        transfer_(transfer),
        target_(transfer.targets[output]),
        was_(was),
        coding_(*coding_of(was.dtype)),
        converted_(converted),
        source_(source),
        computer_(computer),
        original_(kElements),
        returned_(kElements),
        codes_(kElements),
        bytes_(kElements * element_bytes()) {
    damage_.key = was.key;
    damage_.dtype = was.dtype;
    damage_.shape = was.shape;
    const Recipe& recipe = plan_.recipes[target_.computed.front().recipe - 1];
    damage_.coding = to_string(recipe.inputs.front().coding);
  }

  template <typename Advance>
  Damage run(const Observer& observer, const Advance& advance) {
    StreamedTensor original(source_, region_of(was_));
    const std::uint64_t step = kElements * element_bytes();
    for (std::uint64_t begin = 0; begin < was_.bytes; begin += step) {
      observer.throw_if_stopped();
      const std::uint64_t end = std::min(begin + step, was_.bytes);
      const auto count = static_cast<std::size_t>((end - begin) / element_bytes());
      const std::span<std::byte> made(bytes_.data(), end - begin);
      fetch_sources(transfer_, target_, begin, end, converted_);
      fetch_operands(transfer_, target_, plan_.recipes, begin, end, converted_);
      gather(transfer_, target_, begin, made, converted_, {});
      computer_.compute(target_, begin, made);
      lanes::decode_run(coding_, made.data(), count, returned_.data());
      original.read(begin, end, [&](std::span<const std::byte> bytes) {
        lanes::decode_run(coding_, bytes.data(), count, original_.data());
      });
      add(begin / element_bytes(), count);
      look_at_codes(begin, end);
      advance(end - begin);
    }
    for (const auto& [source, blocks] : blocks_) {
      for (const std::uint8_t block : blocks) {
        damage_.blocks += block != 0 ? 1U : 0U;
        damage_.zero_blocks += block != 0 && (block & kNow) == 0 ? 1U : 0U;
        damage_.lost_blocks += (block & kNow) == 0 && (block & kThen) != 0 ? 1U : 0U;
      }
    }
    return std::move(damage_);
  }

 private:
  static constexpr std::size_t kElements = 1 << 18;
  // what a block has: it is there, it had a number that is not zero, it has one
  static constexpr std::uint8_t kThere = 1;
  static constexpr std::uint8_t kThen = 2;
  static constexpr std::uint8_t kNow = 4;

  std::uint64_t element_bytes() const { return static_cast<std::uint64_t>(bits_of(was_.dtype)) / 8; }

  void add(std::uint64_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const double was = original_[i];
      const double is = returned_[i];
      ++damage_.elements;
      if (!std::isfinite(was) || !std::isfinite(is)) {
        ++damage_.not_finite;
        continue;
      }
      const double off = std::fabs(is - was);
      damage_.squares += was * was;
      damage_.squares_back += is * is;
      damage_.products += was * is;
      damage_.squares_off += off * off;
      damage_.differing += off != 0 ? 1U : 0U;
      damage_.underflowed += was != 0 && is == 0 ? 1U : 0U;
      ++damage_.bins[bin_of(off, was)];
      if (off > 0 && off > worst_) {
        worst_ = off;
        damage_.worst = WorstNumber{first + i, was, is};
      }
    }
  }

  // What only codes and scales tell: numbers beyond the largest code, and blocks of zeros.
  void look_at_codes(std::uint64_t begin, std::uint64_t end) {
    const auto [first, last] = computed_within(target_, begin, end);
    for (std::size_t i = first; i < last; ++i) {
      clip(target_.computed[i], begin, end, [&](const ComputedPiece& part) { look_at_part(part, begin); });
    }
  }

  void look_at_part(const ComputedPiece& part, std::uint64_t begin) {
    const Recipe& recipe = plan_.recipes[part.recipe - 1];
    const Coding coding = recipe.inputs.front().coding;
    const auto above = half_step_above(coding);
    if (!above || recipe.inputs.size() < 2) return;
    Nest nest = nest_of(part, transfer_.sources, converted_);
    nest.operands.resize(1);
    const std::uint64_t count = element_count(part);
    codes_.resize(std::max<std::size_t>(codes_.size(), count));
    Interpreter& decode = decoder(recipe.inputs.front());
    guard(part, transfer_.sources, converted_,
          [&] { decode.run(nest, reinterpret_cast<std::byte*>(codes_.data())); });
    const ComputedOperand& scale = part.operands[1];
    const int scale_bits = recipe.inputs[1].coding.bits;
    std::vector<std::uint8_t>& blocks = blocks_[scale.source];
    blocks.resize(std::max<std::size_t>(
        blocks.size(), transfer_.sources[scale.source].bytes * 8 / static_cast<unsigned>(scale_bits)));
    const double largest = largest_of(coding);
    std::vector<std::int64_t> at(part.extents.size());
    std::uint64_t target = part.target_offset - begin;
    std::int64_t place = scale.offset;
    for (std::uint64_t k = 0; k < count; ++k) {
      const auto element = static_cast<std::size_t>(target / element_bytes());
      const double was = original_[element];
      const double is = returned_[element];
      std::uint8_t& block = blocks[static_cast<std::size_t>(place / scale_bits)];
      block = static_cast<std::uint8_t>(block | kThere | (was != 0 ? kThen : 0) | (is != 0 ? kNow : 0));
      if (std::fabs(codes_[k]) >= largest && std::fabs(was) > std::fabs(is) * (1 + *above) &&
          std::isfinite(was))
        ++damage_.saturated;
      for (std::size_t d = at.size(); d-- > 0;) {
        target += part.target_strides[d];
        place += scale.strides[d];
        if (++at[d] < part.extents[d]) break;
        target -= static_cast<std::uint64_t>(at[d]) * part.target_strides[d];
        place -= at[d] * scale.strides[d];
        at[d] = 0;
      }
    }
  }

  // Codes alone, as numbers.
  Interpreter& decoder(const Input& input) {
    const auto key = std::pair(static_cast<int>(input.coding.format), static_cast<int>(input.coding.bits));
    const auto found = decoders_.find(key);
    if (found != decoders_.end()) return found->second;
    Recipe recipe;
    recipe.inputs.push_back({input.coding});
    recipe.steps.push_back({StepKind::kMaximum, 0, 0});
    recipe.result = {{Format::kF32, 32}};
    return decoders_.emplace(key, Interpreter(recipe)).first->second;
  }

  const Plan& plan_;
  const Transfer& transfer_;
  const Target& target_;
  const Tensor& was_;
  const Coding coding_;
  SourceFiles& converted_;
  SourceFiles& source_;
  Computer& computer_;
  std::vector<float> original_;
  std::vector<float> returned_;
  std::vector<float> codes_;
  std::vector<std::byte> bytes_;
  std::map<std::pair<int, int>, Interpreter> decoders_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> blocks_;  // by the tensor of scales
  double worst_ = 0;
  Damage damage_;
};

bool is_measured(const PlannedTensor& output, const Target& target, const Checkpoint& source) {
  const Tensor* const was = source.find(output.key);
  if (target.computed.empty() || was == nullptr || was->bytes == 0) return false;
  const bool floats = was->dtype == DType::kF32 || was->dtype == DType::kBF16 || was->dtype == DType::kF16;
  return floats && was->dtype == output.view.dtype && was->shape == output.view.shape;
}

}  // namespace

double Damage::relative_error() const {
  return squares > 0 ? std::sqrt(squares_off / squares) : squares_off > 0 ? INFINITY : 0.0;
}
double Damage::signal_to_noise() const {
  return squares_off > 0 ? 10 * std::log10(squares / squares_off) : INFINITY;
}
double Damage::cosine() const {
  return squares > 0 && squares_back > 0 ? products / std::sqrt(squares * squares_back) : 1.0;
}

void Damage::add(const Damage& other) {
  elements += other.elements;
  differing += other.differing;
  squares += other.squares;
  squares_back += other.squares_back;
  products += other.products;
  squares_off += other.squares_off;
  not_finite += other.not_finite;
  saturated += other.saturated;
  underflowed += other.underflowed;
  blocks += other.blocks;
  zero_blocks += other.zero_blocks;
  lost_blocks += other.lost_blocks;
  for (std::size_t i = 0; i < bins.size(); ++i) bins[i] += other.bins[i];
}

std::vector<Damage> measure_damage(const Plan& back, const Checkpoint& converted, const Checkpoint& source,
                                   const EngineOptions& options, Observer& observer) {
  allow_open_files(source.shards.size() + converted.shards.size());
  const Transfer transfer = make_transfer(back, converted);
  std::vector<std::uint32_t> measured;
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < back.outputs.size(); ++i) {
    if (!is_measured(back.outputs[i], transfer.targets[i], source)) continue;
    measured.push_back(i);
    total += back.outputs[i].bytes;
  }
  std::vector<Damage> out(measured.size());
  SourceFiles converted_files(converted.shards);
  SourceFiles source_files(source.shards);
  Workers workers(options, total, observer);
  workers.for_each(measured.size(), [&] {
    const auto computer = std::make_shared<Computer>(back.recipes, transfer.sources, converted_files);
    return [&, computer](std::size_t i) {
      const PlannedTensor& output = back.outputs[measured[i]];
      try {
        TensorDamage tensor(back, transfer, measured[i], *source.find(output.key), converted_files,
                            source_files, *computer);
        out[i] = tensor.run(workers.watch(), [&](std::uint64_t bytes) { workers.advance(bytes); });
      } catch (const RefusedValue& value) {
        throw refused_value(value, output, converted);
      }
    };
  });
  converted_files.check_unchanged();
  source_files.check_unchanged();
  return out;
}

}  // namespace tenon
