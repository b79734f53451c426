#include "parity/seeded_inputs.h"

#include <xxhash.h>

namespace tenon {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014).
class Generator {
 public:
  Generator(std::uint64_t seed, std::string_view name)
      : state_(XXH3_64bits_withSeed(name.data(), name.size(), seed)) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

Array<float> seeded_numbers(const Shape& shape, const NumberFormat& format, std::uint64_t seed,
                            std::string_view name) {
  Generator generator(seed, name);
  Array<float> out(shape);
  for (auto& value : out.data) {
    // The sum of twelve uniform numbers has deviation 1, and needs no function that differs between
    // libraries.
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(generator.next() >> 11) * 0x1p-53;
    value = static_cast<float>(round_to(format, sum));
  }
  return out;
}

Array<float> seeded_integers(const Shape& shape, std::int64_t end, std::uint64_t seed,
                             std::string_view name) {
  Generator generator(seed, name);
  Array<float> out(shape);
  for (auto& value : out.data) value = static_cast<float>(generator.next() % static_cast<std::uint64_t>(end));
  return out;
}

}  // namespace tenon
