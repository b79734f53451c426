#include "engine/side_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/find_shards.h"
#include "engine/hash_tensors.h"
#include "engine/written_files.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

std::string text_of(const StreamHash& hash) {
  const Digest digest = hash.digest();
  return tensor_hash({&digest, 1});
}

// Of the whole file, from the disk as far as the system can.
std::string xxh3_of(const fs::path& path, std::uint64_t size, const Observer& observer) {
  const FileDescriptor file = open_for_reading(path);
  std::vector<char> buffer(std::min<std::uint64_t>(size, 1 << 20));
  StreamHash hash;
  for (std::uint64_t at = 0; at < size;) {
    observer.throw_if_stopped();
    const std::span<char> part = std::span(buffer).first(std::min<std::uint64_t>(size - at, buffer.size()));
    read_at(file, path, at, part);
    hash.update(std::as_bytes(part));
    at += part.size();
  }
  return text_of(hash);
}

std::string changed(const std::string& found, const std::string& recorded) {
  return found == recorded ? ""
                           : fmt::format("its bytes have changed: {}; the manifest says {}", found, recorded);
}

// In words, "" where the file is as recorded.
std::string difference(const FileRecord& record, const fs::path& folder, const Observer& observer,
                       bool follow_links) {
  const fs::path path = folder / record.name;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return fmt::format("is missing in {}", folder.string());
  if (!follow_links && !stays_inside(folder, path))
    return "is a link that leaves the folder, or leads to nothing";
  if (!fs::is_regular_file(path, error)) return "is no regular file any more";
  const ShardFile file = examine(path);
  if (file.size != record.bytes) {
    return fmt::format("it has {} bytes; the manifest says {}", file.size, record.bytes);
  }
  forget_cached(file);
  std::string what;
  if (!record.hash.xxh3.empty()) what = changed(xxh3_of(path, file.size, observer), record.hash.xxh3);
  if (what.empty() && !record.hash.sha256.empty())
    what = changed(hash_file(path, observer), record.hash.sha256);
  return what;
}

}  // namespace

void SideFileRecorder::pass(const std::string& name, std::span<const std::byte> bytes) {
  if (records_.empty() || records_.back().name != name) {
    finish();
    records_.push_back({name, 0, {}});
  }
  records_.back().bytes += bytes.size();
  hash_.update(bytes);
}

void SideFileRecorder::finish() {
  if (!records_.empty()) records_.back().hash.xxh3 = text_of(hash_);
  hash_.reset();
}

std::vector<FileRecord> SideFileRecorder::take() {
  finish();
  std::erase_if(records_, [](const FileRecord& record) { return invalid_utf8(record.name).has_value(); });
  std::sort(records_.begin(), records_.end(),
            [](const FileRecord& a, const FileRecord& b) { return a.name < b.name; });
  return std::move(records_);
}

void add_sha256(std::vector<FileRecord>& records, const fs::path& folder, const Observer& observer) {
  for (FileRecord& record : records) record.hash.sha256 = hash_file(folder / record.name, observer);
}

std::vector<SideFileDifference> changed_side_files(const std::vector<FileRecord>& records,
                                                   const fs::path& folder, const Observer& observer,
                                                   bool follow_links) {
  std::vector<SideFileDifference> out;
  for (const FileRecord& record : records) {
    std::string what = difference(record, folder, observer, follow_links);
    if (!what.empty()) out.push_back({record.name, std::move(what)});
  }
  return out;
}

}  // namespace tenon
