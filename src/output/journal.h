// What a conversion in progress has finished, kept in its work folder so that a later run can go on. One JSON
// document per line: first what is being done, then one line per finished shard; a line that a kill cut short
// is ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tensor_hash.h"

namespace tenon {

/// What is being done. Two runs that agree in all of it write the same bytes.
struct JournalHead {
  std::string tenon_version;
  std::string plan_hash;
  /// those that change the output: "--hash" -> "xxh3", ...
  std::map<std::string, std::string> options;
  /// file -> its size and modification time, as text
  std::map<std::string, std::string> source;
  /// name of a rule file -> its hash
  std::map<std::string, std::string> rules;
  bool operator==(const JournalHead&) const = default;
};

/// A shard whose bytes are complete and, unless --no-sync, on the disk.
struct FinishedShard {
  std::string name;
  /// by key, of the tensors in it
  std::map<std::string, TensorHash> outputs;
  /// by key, of source tensors that were read for it
  std::map<std::string, TensorHash> sources;
};

/// Where complete shards are recorded: the claim on a destination, or something that hands them on to the
/// process which holds it.
class ShardLog {
 public:
  ShardLog() = default;
  virtual ~ShardLog() = default;
  ShardLog(const ShardLog&) = delete;
  ShardLog& operator=(const ShardLog&) = delete;

  /// From any thread, one at a time.
  virtual void finished(const FinishedShard& shard) = 0;
};

struct Journal {
  JournalHead head;
  std::vector<FinishedShard> finished;
};

/// Nothing where there is no journal or none that this tenon can read. Of two records of one shard the later
/// counts.
std::optional<Journal> read_journal(const std::filesystem::path& path);

/// What differs between two runs, in words: "the option --hash (was xxh3, now sha256)".
std::vector<std::string> differences(const JournalHead& before, const JournalHead& now);

/// Starts a journal with what is finished already, replacing one that was there in one step. Throws
/// SystemError.
void write_journal(const std::filesystem::path& path, const Journal& journal, bool sync);

/// Adds a finished shard. Throws SystemError.
void append_to_journal(const std::filesystem::path& path, const FinishedShard& shard, bool sync);

}  // namespace tenon
