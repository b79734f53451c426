#include "adapters/phantoms.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "checkpoint/natural_order.h"
#include "plan/map_keys.h"

namespace tenon {
namespace {

struct Named {
  std::string key;
  DType dtype;
  Phantom phantom;
};

void add_tensor(const Named& named, PhantomCheckpoint& out) {
  Tensor tensor{named.key, named.dtype, named.phantom.shape, 0, 0, 0};
  tensor.bytes = byte_size(tensor.dtype, tensor.shape).value_or(0);
  out.checkpoint.tensors.push_back(std::move(tensor));
  out.phantoms.push_back(named.phantom);
}

bool is_plain_number(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16 || dtype == DType::kF64;
}

}  // namespace

Options options_for_phantoms(const Options& options, Layout to, bool one_way) {
  Options out = options;
  out.to = to;
  out.one_way = one_way;
  out.allow_missing_layers = true;
  out.max_shard_size.reset();
  return out;
}

PhantomCheckpoint phantom_checkpoint(const Adapter& adapter, const std::map<std::string, Shape>& absent,
                                     const Checkpoint& base, const std::optional<Manifest>& manifest,
                                     Diagnostics& diagnostics) {
  std::vector<Named> all;
  DType dtype = DType::kF32;
  for (std::size_t i = 0; i < adapter.pairs.size(); ++i) {
    const LoraPair& pair = adapter.pairs[i];
    dtype = pair.experts.front().left.dtype;
    all.push_back({pair.key, dtype, {Phantom::Kind::kPair, i, pair.shape}});
  }
  for (std::size_t i = 0; i < adapter.whole.size(); ++i) {
    const NamedView& whole = adapter.whole[i];
    all.push_back({whole.key, whole.view.dtype, {Phantom::Kind::kWhole, i, whole.view.shape}});
  }
  for (const auto& [key, shape] : absent) all.push_back({key, dtype, {Phantom::Kind::kAbsent, 0, shape}});
  std::sort(all.begin(), all.end(),
            [](const Named& a, const Named& b) { return natural_less(a.key, b.key); });
  PhantomCheckpoint out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0 && all[i].key == all[i - 1].key)
      diagnostics.error("adapter-malformed"_id, {"", 0, 0, {}, all[i].key, ""},
                        "the adapter has it twice: whole, or under two prefixes");
    add_tensor(all[i], out);
  }
  Checkpoint& checkpoint = out.checkpoint;
  checkpoint.path = base.path;
  checkpoint.directory = base.directory;
  checkpoint.single_file = true;
  checkpoint.shards.push_back({checkpoint.directory / "adapter_model.safetensors", 0, 0, {}});
  checkpoint.config = base.config;
  // A quantised base has adapters of plain numbers.
  for (const char* const name : {"quantization_config", "compression_config"}) checkpoint.config.erase(name);
  if (!manifest) return out;
  checkpoint.manifest = manifest;
  checkpoint.manifest->source.clear();
  checkpoint.manifest->output.clear();
  checkpoint.manifest->dropped.clear();
  checkpoint.manifest->source_layout = {};
  return out;
}

std::map<std::string, Shape> absent_parts(const Adapter& adapter, const BaseModel& base,
                                          const RuleSet& rules) {
  const auto& fused = base.checkpoint.manifest;
  const bool from_manifest = fused && fused->layout == Layout::kFused;
  const FusedKeys fused_keys(rules.fused_keys, rules.base_model_prefix);
  KeyMapper mapper(rules.transforms, true, fused_keys);
  const auto target_of = [&](const std::string& key) -> std::string {
    const MappedKey mapped = mapper.map(key);
    return mapped.converter < 0 ? "" : fmt::format("{} {}", mapped.converter, mapped.key);
  };
  std::set<std::string> own;
  std::set<std::string> targets;
  for (const auto& pair : adapter.pairs) {
    own.insert(pair.key);
    if (auto target = target_of(pair.key); !target.empty()) targets.insert(std::move(target));
  }
  for (const auto& whole : adapter.whole) own.insert(whole.key);
  std::map<std::string, Shape> out;
  if (targets.empty()) return out;
  const auto add = [&](const std::string& key, DType dtype, const Shape& shape) {
    if (!own.contains(key) && is_plain_number(dtype) && targets.contains(target_of(key)))
      out.emplace(key, shape);
  };
  if (from_manifest) {
    for (const auto& record : fused->source) add(record.key, record.dtype, record.shape);
  } else {
    for (const auto& tensor : base.checkpoint.tensors) add(tensor.key, tensor.dtype, tensor.shape);
  }
  return out;
}

}  // namespace tenon
