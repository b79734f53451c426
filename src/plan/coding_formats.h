// The formats that --quantize codes weights in, and what their readers look for in config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tenon {

struct CodingFormat {
  // as a rule file has it
  nlohmann::ordered_json operation;
  // of what it makes
  std::vector<std::string> roles;
  // of a group; 1: any number will do
  std::int64_t columns = 1;
  // quantization_config, but for the list of what is left out
  nlohmann::ordered_json config;
};

/// By its word: "fp8-block". Throws std::logic_error for another one.
CodingFormat coding_format(const std::string& name);

/// quantization_config of integers in rows of words; a group of -1: all columns.
nlohmann::ordered_json packed_integers_config(std::int64_t num_bits, std::int64_t group_size, bool symmetric);

}  // namespace tenon
