// What is found where the output does not hold what it should.
#pragma once

#include <cstdint>
#include <string>

namespace tenon {

/// The first element of a source tensor that is not what the output holds in its place; or what is wrong with
/// a shard as a whole (`problem` is set, the rest is empty).
struct WrittenDifference {
  /// of the output
  std::string shard;
  std::string problem;
  std::string output_key;
  /// in row-major order
  std::uint64_t output_element = 0;
  std::string source_key;
  std::uint64_t source_element = 0;
  /// "0x3f80"
  std::string written;
  /// likewise
  std::string expected;
};

/// "model-00001-of-00002.safetensors: element 17 of 'a.weight' is 0x3f80; the source has 0x3f81 (element 5 of
/// 'b')"
std::string to_string(const WrittenDifference& difference);

}  // namespace tenon
