#include "output/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

using nlohmann::ordered_json;
using Texts = std::map<std::string, std::string>;
using Hashes = std::map<std::string, TensorHash>;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxBytes = 512'000'000;

std::string line_of(const JournalHead& head) {
  const ordered_json line = {{"tenon_journal", kVersion},   {"tenon_version", head.tenon_version},
                             {"plan_hash", head.plan_hash}, {"options", head.options},
                             {"source", head.source},       {"rules", head.rules}};
  return line.dump() + "\n";
}

ordered_json json_of(const Hashes& hashes) {
  ordered_json out = ordered_json::object();
  for (const auto& [key, hash] : hashes) out[key] = {hash.xxh3, hash.sha256};
  return out;
}

Hashes hashes_of(const ordered_json& object) {
  Hashes out;
  for (const auto& [key, pair] : object.items())
    out[key] = {pair.at(0).get<std::string>(), pair.at(1).get<std::string>()};
  return out;
}

std::string line_of(const FinishedShard& shard) {
  const ordered_json line = {
      {"shard", shard.name}, {"outputs", json_of(shard.outputs)}, {"sources", json_of(shard.sources)}};
  return line.dump() + "\n";
}

JournalHead head_of(const ordered_json& line) {
  JournalHead head;
  head.tenon_version = line.at("tenon_version").get<std::string>();
  head.plan_hash = line.at("plan_hash").get<std::string>();
  head.options = line.at("options").get<Texts>();
  head.source = line.at("source").get<Texts>();
  head.rules = line.at("rules").get<Texts>();
  return head;
}

FinishedShard shard_of(const ordered_json& line) {
  return {line.at("shard").get<std::string>(), hashes_of(line.at("outputs")), hashes_of(line.at("sources"))};
}

void keep(std::vector<FinishedShard>& finished, FinishedShard shard) {
  std::erase_if(finished, [&](const FinishedShard& before) { return before.name == shard.name; });
  finished.push_back(std::move(shard));
}

void name_differences(const Texts& before, const Texts& now, std::string_view what,
                      std::vector<std::string>& out) {
  for (const auto& [name, value] : now) {
    const auto was = before.find(name);
    if (was == before.end()) {
      out.push_back(fmt::format("{} {} (now {})", what, name, value));
    } else if (was->second != value) {
      out.push_back(fmt::format("{} {} (was {}, now {})", what, name, was->second, value));
    }
  }
  for (const auto& [name, value] : before) {
    if (!now.contains(name)) out.push_back(fmt::format("{} {} (was {})", what, name, value));
  }
}

}  // namespace

std::optional<Journal> read_journal(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string text = read_text_file(path, kMaxBytes);
  std::optional<Journal> journal;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    try {
      const ordered_json line = parse_json(std::string_view(text).substr(begin, end - begin), path.string());
      if (!journal) {
        if (line.at("tenon_journal") != kVersion) return std::nullopt;
        journal = Journal{head_of(line), {}};
      } else {
        keep(journal->finished, shard_of(line));
      }
    } catch (const UserError&) {
      return journal;
    } catch (const nlohmann::json::exception&) {
      return journal;
    }
  }
  return journal;
}

std::vector<std::string> differences(const JournalHead& before, const JournalHead& now) {
  std::vector<std::string> out;
  if (before.tenon_version != now.tenon_version) {
    out.push_back(fmt::format("tenon (was {}, now {})", before.tenon_version, now.tenon_version));
  }
  name_differences(before.source, now.source, "the source's", out);
  name_differences(before.options, now.options, "the option", out);
  name_differences(before.rules, now.rules, "the rules", out);
  // Another source makes another plan; said once.
  if (before.plan_hash != now.plan_hash && out.empty())
    out.emplace_back("the plan (what the source's headers or config.json say)");
  return out;
}

void write_journal(const std::filesystem::path& path, const Journal& journal, bool sync) {
  const std::filesystem::path fresh = path.string() + ".new";
  std::string text = line_of(journal.head);
  for (const FinishedShard& shard : journal.finished) text += line_of(shard);
  write_text_file(fresh, text, sync);
  if (rename_path(fresh, path) != 0) throw SystemError("rename", fresh.string(), errno);
}

void append_to_journal(const std::filesystem::path& path, const FinishedShard& shard, bool sync) {
  append_to_file(path, line_of(shard), sync);
}

}  // namespace tenon
