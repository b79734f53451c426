#include "tasks/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "adapters/build_adapter_plan.h"
#include "adapters/read_pairs.h"
#include "base/content_hash.h"
#include "base/text.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "engine/hash_tensors.h"
#include "engine/low_rank.h"
#include "plan/dump_plan.h"
#include "plan/lay_out.h"
#include "tasks/conversion_run.h"

namespace tenon {
namespace {

constexpr std::uint64_t kMaxMergedConfigBytes = 16'000'000;

// Which tensors of the base an adapter changes.
class Merging {
 public:
  Merging(const Checkpoint& base, const Checkpoint& adapter) : base_(base), checkpoint_(adapter) {
    if (!is_adapter(adapter))
      throw UserError("adapter-malformed"_id, place_of(adapter.directory),
                      fmt::format("is no adapter: it has no {}", kAdapterConfigName),
                      "tenon merge BASE ADAPTER OUT: the base model comes first.");
    const std::string file = (adapter.directory / kAdapterConfigName).string();
    config_text_ = read_text_file(file, kMaxMergedConfigBytes);
    const AdapterConfig config(parse_config(config_text_, file), file);
    const AdapterRecord* const known =
        adapter.manifest && adapter.manifest->adapter ? &*adapter.manifest->adapter : nullptr;
    const auto shape_of = [&](const std::string& key) {
      const Tensor* const tensor = base.find(key);
      return tensor == nullptr ? std::nullopt : std::optional(tensor->shape);
    };
    adapter_ = read_pairs(views_of(adapter), config, known, shape_of, diagnostics_);
    diagnostics_.throw_if_errors();
    by_root_ = config.scales_by_root();
    for (const LoraPair& pair : adapter_.pairs) add(pair);
    for (const NamedView& whole : adapter_.whole) add(whole);
    diagnostics_.throw_if_errors();
  }

  const std::map<std::uint32_t, MergedTensor>& merged() const { return merged_; }
  const std::string& config_text() const { return config_text_; }

 private:
  // Under the adapter's name, or with the base model's prefix off or on.
  const Tensor* in_base(const std::string& key) const {
    if (const Tensor* const found = base_.find(key)) return found;
    const std::size_t dot = key.find('.');
    const Tensor* const shorter = dot == std::string::npos ? nullptr : base_.find(key.substr(dot + 1));
    return shorter != nullptr ? shorter : base_.find("model." + key);
  }

  void refuse(const std::string& key, std::string message, std::string hint) {
    diagnostics_.add_once("", {Severity::kError,
                               "adapter-base"_id,
                               {checkpoint_.directory.string(), 0, 0, {}, key, ""},
                               std::move(message),
                               std::move(hint)});
  }

  const Tensor* find(const std::string& key, const std::string& own, const Shape& shape) {
    const Tensor* const tensor = in_base(key);
    if (tensor == nullptr) {
      refuse(
          own, fmt::format("changes {}, which {} has not", key, base_.directory.string()),
          "Is the base in the layout that the adapter is for? tenon convert ADAPTER OUT --base DIR takes the "
          "adapter along.");
      return nullptr;
    }
    if (!can_be_merged(tensor->dtype) || tensor->shape != shape) {
      refuse(own,
             fmt::format("changes a tensor of {}, and {} of the base is {}", to_string(shape), tensor->key,
                         header_of(tensor->dtype, tensor->shape)),
             can_be_merged(tensor->dtype) ? "Is it this base's adapter?"
                                          : "Merging takes a base of plain numbers: dequantise it first.");
      return nullptr;
    }
    return tensor;
  }

  std::uint32_t index_of(const Tensor* tensor) const {
    return static_cast<std::uint32_t>(tensor - base_.tensors.data());
  }

  void add(const LoraPair& pair) {
    const std::string own = checkpoint_.tensors[pair.inputs[0]].key;
    if (pair.magnitude || pair.bias) {
      diagnostics_.add_once(
          "", {Severity::kError,
               "adapter-unknown-tensor"_id,
               {checkpoint_.directory.string(), 0, 0, {}, checkpoint_.tensors[pair.inputs[2]].key, ""},
               "is more than a pair: merging adds scale * B A and nothing else",
               "Merge a DoRA adapter, or one with lora_bias, with PEFT."});
      return;
    }
    const Tensor* const tensor = find(pair.key, own, pair.shape);
    if (tensor == nullptr) return;
    const auto rank = static_cast<double>(pair.rank);
    merged_[index_of(tensor)] = {&pair, pair.alpha / (by_root_ ? std::sqrt(rank) : rank), 0, tensor->dtype};
  }

  void add(const NamedView& whole) {
    const std::string own = checkpoint_.tensors[whole.inputs[0]].key;
    const Tensor* const tensor = find(whole.key, own, whole.view.shape);
    if (tensor == nullptr) return;
    if (!can_be_merged(whole.view.dtype)) return refuse(own, "is of a dtype that is not merged", "");
    merged_[index_of(tensor)] = {nullptr, 1, whole.inputs[0], tensor->dtype};
  }

  const Checkpoint& base_;
  const Checkpoint& checkpoint_;
  Adapter adapter_;
  bool by_root_ = false;
  std::string config_text_;
  std::map<std::uint32_t, MergedTensor> merged_;
  Diagnostics diagnostics_;
};

// Every tensor of the base at its place: what changes is computed on the way.
Plan plan_of(const Checkpoint& base, const Merging& merging, const Options& options) {
  Plan plan;
  plan.to = base.manifest ? base.manifest->layout : Layout::kOriginal;
  plan.one_way = true;
  for (std::uint32_t i = 0; i < base.tensors.size(); ++i) {
    const Tensor& t = base.tensors[i];
    plan.outputs.push_back({t.key, identity_view(i, t.dtype, t.shape), -1, 0, 0, t.bytes});
    plan.fates.push_back({SourceFate::Kind::kPassed, t.key, -1, ""});
  }
  lay_out(base, options.max_shard_size.value_or(kDefaultMaxShardSize).bytes,
          base.single_file && !options.max_shard_size, options.max_shard_size.has_value(), plan);
  std::string text = golden_dump(plan, base) + merging.config_text();
  for (const auto& [output, merged] : merging.merged())
    text += fmt::format("merged {} {}\n", base.tensors[output].key, merged.scale);
  plan.hash = content_hash(text);
  return plan;
}

MergeRecord record_of(const Checkpoint& adapter, const Merging& merging, const Options& options,
                      Observer& observer) {
  MergeRecord record;
  record.config = content_hash(merging.config_text());
  EngineOptions engine;
  engine.threads = options.threads;
  engine.stage = "hashing the adapter";
  const auto hashes = hash_tensors(adapter, engine, observer);
  for (std::size_t i = 0; i < hashes.size(); ++i) record.tensors[adapter.tensors[i].key] = hashes[i].xxh3;
  return record;
}

}  // namespace

ConversionReport merge(const Options& options, Observer& observer) {
  PlannedConversion planned;
  Checkpoint adapter;
  {
    const Timer timer(planned.timings, "open");
    planned.source = open_checkpoint(options.source, open_options(options));
    adapter = open_checkpoint(options.other, open_options(options));
  }
  observer.note(planned.source.warnings);
  observer.note(adapter.warnings);
  const Merging merging(planned.source, adapter);
  planned.plan = plan_of(planned.source, merging, options);
  if (planned.source.manifest)
    planned.before = nlohmann::ordered_json::parse(to_json_text(*planned.source.manifest));
  planned.merged = record_of(adapter, merging, options, observer);
  observer.note(
      "merge-one-way"_id,
      fmt::format(
          "{} of {} tensors change, rounded once: base and adapter do not come back out of the result",
          merging.merged().size(), planned.source.tensors.size()));
  const LowRankEdit edit(adapter, merging.merged());
  return carry_out(planned, options, observer, &edit);
}

}  // namespace tenon
