#include "engine/hash_records.h"

#include <algorithm>
#include <utility>

namespace tenon {

HashRecords::HashRecords(const Plan& plan, const Checkpoint& source, const Transfer& transfer,
                         const EngineOptions& options)
    : plan_(plan),
      source_(source),
      transfer_(transfer),
      kind_(options.hash),
      outputs_of_(plan.shards.size()),
      source_digests_(transfer.sources),
      output_digests_(regions_of(transfer.targets)),
      source_hashes_(source.tensors.size()),
      output_hashes_(plan.outputs.size()),
      source_sha256_(source.tensors.size()) {
  for (std::uint32_t i = 0; i < plan.outputs.size(); ++i) outputs_of_[plan.outputs[i].shard].push_back(i);
  find_sources_read();
  for (const FinishedShard& shard : options.finished) take_over(shard);
  hash_empty_tensors();
}

// No bytes of theirs will pass.
void HashRecords::hash_empty_tensors() {
  const Digest empty = StreamHash().digest();
  for (std::uint32_t i = 0; i < transfer_.sources.size(); ++i) {
    if (transfer_.sources[i].bytes > 0 || !source_digests_.claim(i, 0)) continue;
    source_digests_.set(i, 0, empty);
    if (kind_ == HashKind::kSha256) set_source_sha256(i, sha256_of_range(-1, "", 0, 0));
  }
  for (std::uint32_t i = 0; i < transfer_.targets.size(); ++i) {
    if (transfer_.targets[i].region.bytes == 0) output_digests_.set(i, 0, empty);
  }
}

void HashRecords::find_sources_read() {
  source_read_.resize(source_.tensors.size());
  for (const Target& target : transfer_.targets) {
    for (const BytePiece& piece : target.pieces) source_read_[piece.source] = true;
    for (const ComputedPiece& piece : target.computed) {
      for (const ComputedOperand& operand : piece.operands) source_read_[operand.source] = true;
    }
  }
  for (std::size_t i = 0; i < source_.tensors.size(); ++i) {
    const bool dropped = i < plan_.fates.size() && plan_.fates[i].kind == SourceFate::Kind::kDropped;
    if (source_.tensors[i].bytes == 0 && !dropped) source_read_[i] = true;
  }
}

void HashRecords::take_over(const FinishedShard& shard) {
  for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) {
    const auto known = shard.outputs.find(plan_.outputs[i].key);
    if (known != shard.outputs.end()) output_hashes_[i] = known->second;
  }
  for (std::uint32_t i = 0; i < source_.tensors.size(); ++i) {
    const auto known = shard.sources.find(source_.tensors[i].key);
    if (known == shard.sources.end() || known->second.empty()) continue;
    source_hashes_[i] = known->second;
    source_sha256_[i] = !known->second.sha256.empty();
    if (known->second.xxh3.empty()) continue;  // the shard was finished before all blocks of this tensor were
    for (std::uint64_t block = 0; block < hash_blocks(source_.tensors[i].bytes); ++block)
      source_digests_.claim(i, block);
  }
}

bool HashRecords::is_to_be_hashed(std::uint32_t source) const {
  return source_read_[source] && source_hashes_[source].xxh3.empty();
}

void HashRecords::set_source_sha256(std::uint32_t source, std::string hash) {
  source_hashes_[source].sha256 = std::move(hash);
  source_sha256_[source] = true;
}

void HashRecords::set_output_sha256(std::uint32_t output, std::string hash) {
  output_hashes_[output].sha256 = std::move(hash);
}

std::vector<std::uint32_t> HashRecords::sources_for(std::uint32_t shard) const {
  std::vector<std::uint32_t> sources;
  for (const std::uint32_t output : outputs_of_[shard]) {
    for (const BytePiece& piece : transfer_.targets[output].pieces) sources.push_back(piece.source);
    for (const ComputedPiece& piece : transfer_.targets[output].computed) {
      for (const ComputedOperand& operand : piece.operands) sources.push_back(operand.source);
    }
  }
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  return sources;
}

TensorHash HashRecords::output_hash(std::uint32_t output) const {
  TensorHash hash = output_hashes_[output];
  if (hash.xxh3.empty() && while_passing() && output_digests_.complete(output))
    hash.xxh3 = output_digests_.hash(output);
  return hash;
}

// Another thread may be about to store the SHA-256.
TensorHash HashRecords::source_hash(std::uint32_t source) const {
  if (!source_read_[source]) return {};
  TensorHash hash;
  hash.xxh3 = source_hashes_[source].xxh3;
  if (hash.xxh3.empty() && while_passing() && source_digests_.complete(source))
    hash.xxh3 = source_digests_.hash(source);
  if (source_sha256_[source]) hash.sha256 = source_hashes_[source].sha256;
  return hash;
}

FinishedShard HashRecords::finished(std::uint32_t shard) const {
  FinishedShard finished;
  finished.name = plan_.shards[shard].name;
  for (const std::uint32_t i : outputs_of_[shard]) finished.outputs[plan_.outputs[i].key] = output_hash(i);
  for (const std::uint32_t i : sources_for(shard)) {
    const TensorHash hash = source_hash(i);
    if (!hash.empty()) finished.sources[source_.tensors[i].key] = hash;
  }
  return finished;
}

void HashRecords::report(EngineResult& result) const {
  for (std::uint32_t i = 0; i < source_.tensors.size(); ++i) result.source_hashes.push_back(source_hash(i));
  for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) result.output_hashes.push_back(output_hash(i));
}

}  // namespace tenon
