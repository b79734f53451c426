// What `tenon verify` shows: a converted folder against its manifest and, where asked for, against its
// source.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tenon {

struct VerifyFinding {
  std::string key;  // of a tensor, or a file's name
  std::string what;
};

struct VerifyReport {
  std::string directory;
  std::string against;  // the source, empty where only the manifest was asked
  std::uint64_t tensors = 0;
  std::uint64_t side_files = 0;         // compared with the manifest
  std::uint64_t bytes = 0;              // read
  std::uint64_t bytes_from_memory = 0;  // of the folder's shards: the system did not let go of them
  bool hashed = true;   // false: the manifest has no hashes, so bytes were only compared with the source
  bool sha256 = false;  // the manifest has SHA-256 as well
  std::vector<VerifyFinding> findings;
};

std::string verify_text(const VerifyReport& report);
nlohmann::ordered_json verify_json(const VerifyReport& report);

}  // namespace tenon
