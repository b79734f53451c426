#include "adapters/build_adapter_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "adapters/follow_pairs.h"
#include "adapters/phantoms.h"
#include "adapters/prove_adapter.h"
#include "adapters/read_pairs.h"
#include "adapters/rename_config.h"
#include "base/text.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "checkpoint/natural_order.h"
#include "plan/build_plan.h"
#include "plan/dump_plan.h"
#include "plan/lay_out.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxAdapterConfigBytes = 16'000'000;
constexpr std::uint64_t kStepBytes = 1 << 20;

std::vector<NamedView> tensors_in(const Checkpoint& adapter) {
  std::vector<NamedView> out;
  for (std::uint32_t i = 0; i < adapter.tensors.size(); ++i) {
    const Tensor& t = adapter.tensors[i];
    out.push_back({t.key, identity_view(i, t.dtype, t.shape), -1, {i}});
  }
  return out;
}

bool have_same_bytes(const Checkpoint& adapter, std::uint32_t first, std::uint32_t second) {
  const Tensor& a = adapter.tensors[first];
  const Tensor& b = adapter.tensors[second];
  if (a.bytes != b.bytes) return false;
  const fs::path& path_a = adapter.shards[a.shard].path;
  const fs::path& path_b = adapter.shards[b.shard].path;
  const FileDescriptor file_a = open_for_reading(path_a);
  const FileDescriptor file_b = open_for_reading(path_b);
  std::vector<char> of_a;
  std::vector<char> of_b;
  for (std::uint64_t at = 0; at < a.bytes; at += kStepBytes) {
    const std::uint64_t size = std::min(kStepBytes, a.bytes - at);
    of_a.resize(size);
    of_b.resize(size);
    read_at(file_a, path_a, a.offset + at, of_a);
    read_at(file_b, path_b, b.offset + at, of_b);
    if (of_a != of_b) return false;
  }
  return true;
}

class AdapterPlanner {
 public:
  AdapterPlanner(const Checkpoint& source, const BaseModel& base, const RuleSet& rules,
                 const Options& options, const AdapterRecord* known)
      : source_(source),
        base_(base),
        rules_(rules),
        options_(options),
        known_(known),
        config_(read_config()),
        tensors_(tensors_in(source)) {}

  Plan run() {
    const AdapterConfig config(config_, file());
    const ShapeOf shape_of = [&](const std::string& key) { return shape_in_base(key); };
    adapter_ = read_pairs(tensors_, config, known_, shape_of, diagnostics_);
    diagnostics_.throw_if_errors();
    check_shapes();
    if (to_fused())
      record_.absent = known_ != nullptr ? known_->absent : absent_parts(adapter_, base_, rules_);
    PhantomCheckpoint phantom =
        phantom_checkpoint(adapter_, record_.absent, base_.checkpoint, manifest_of_way_here(), diagnostics_);
    phantom.checkpoint.directory = source_.directory;
    diagnostics_.throw_if_errors();
    phantoms_ = std::move(phantom.phantoms);

    // The rules' own plan and its proof: names, rows and columns.
    Plan plan = plan_phantoms(phantom.checkpoint);

    // The same for the products.
    const auto same_bytes = [&](std::uint32_t a, std::uint32_t b) { return have_same_bytes(source_, a, b); };
    const FollowedAdapter followed =
        follow_pairs({adapter_, phantoms_, plan, config, known_, same_bytes}, diagnostics_);
    diagnostics_.throw_if_errors();
    record_.ranks = followed.ranks;
    const std::optional<bool> turned = fan_in_fan_out(config, followed);
    diagnostics_.throw_if_errors();
    fill(followed, plan, turned.value_or(config.is_set("fan_in_fan_out")));
    edit_adapter_config(config, followed, turned, plan);
    if (to_fused() && !plan.one_way)
      prove_adapter({adapter_, tensors_, config, new_config_, record_, base_.checkpoint, rules_, options_,
                     plan, dropped_pairs(plan)});
    tell_fates(plan);
    compare_with_manifest(plan);
    plan.shards.clear();
    plan.index_text.reset();
    plan.index_name.clear();
    lay_out(source_, options_.max_shard_size.value_or(kDefaultMaxShardSize).bytes,
            source_.single_file && !options_.max_shard_size, options_.max_shard_size.has_value(), plan);
    plan.hash = plan_hash(plan, source_);
    return plan;
  }

 private:
  std::string file() const { return (source_.directory / kAdapterConfigName).string(); }

  nlohmann::ordered_json read_config() {
    config_text_ = read_text_file(source_.directory / kAdapterConfigName, kMaxAdapterConfigBytes);
    return parse_config(config_text_, file());
  }

  bool to_fused() const { return options_.to == Layout::kFused; }
  bool goes_back() const { return source_.returns_to(options_.to); }

  // The adapter's own, or else the base's: it knows the sizes of parts. One of the layout that is asked for
  // tells of no way here.
  std::optional<Manifest> manifest_of_way_here() const {
    const auto& manifest = source_.manifest ? source_.manifest : base_.checkpoint.manifest;
    return manifest && manifest->layout != options_.to ? manifest : std::nullopt;
  }

  // In the layout that the adapter is in: the base's own, or the one that its manifest tells of.
  std::optional<Shape> shape_in_base(const std::string& key) const {
    const auto& manifest = base_.checkpoint.manifest;
    const Layout layout = manifest ? manifest->layout : Layout::kOriginal;
    if (layout != options_.to) {
      const Tensor* const tensor = base_.checkpoint.find(key);
      const bool plain = tensor != nullptr && bits_of(tensor->dtype) >= 16;
      return plain ? std::optional(tensor->shape) : std::nullopt;
    }
    if (!manifest) return std::nullopt;
    const auto found = std::find_if(manifest->source.begin(), manifest->source.end(),
                                    [&](const TensorRecord& record) { return record.key == key; });
    return found == manifest->source.end() ? std::nullopt : std::optional(found->shape);
  }

  // Trained on another base: its pairs would go to places that are not theirs.
  void check_shapes() {
    for (const LoraPair& pair : adapter_.pairs) {
      const auto shape = shape_in_base(pair.key);
      if (!shape || shape->size() != pair.shape.size() || *shape == pair.shape) continue;
      diagnostics_.add_once(
          "", {Severity::kError,
               "adapter-base"_id,
               {source_.directory.string(), 0, 0, {}, pair.prefix + module_of(pair), ""},
               fmt::format("changes a tensor of {}, and {} of the base is {}", to_string(pair.shape),
                           pair.key, to_string(*shape)),
               "Is it this base's adapter? --base names the model that it was trained on."});
    }
    diagnostics_.throw_if_errors();
  }

  Plan plan_phantoms(const Checkpoint& phantom) {
    const Options options = options_for_phantoms(options_, options_.to, options_.one_way);
    std::map<std::string, std::string> real;
    for (const auto& pair : adapter_.pairs) real.emplace(pair.key, tensors_[pair.inputs[0]].key);
    for (const auto& whole : adapter_.whole) real.emplace(whole.key, tensors_[whole.inputs[0]].key);
    try {
      return build_plan(phantom, rules_, options);
    } catch (const UserError& error) {
      std::vector<Diagnostic> all = error.diagnostics();
      for (Diagnostic& d : all) {
        const auto found = real.find(d.place.inside);
        if (found != real.end()) d.place.inside = found->second;
      }
      throw UserError(std::move(all));
    }
  }

  // Conv1D's weight is nn.Linear's transposed. Where the rules transpose all of them, the pairs stay as they
  // are and the flag turns.
  std::optional<bool> fan_in_fan_out(const AdapterConfig& config, const FollowedAdapter& followed) {
    const bool now = config.is_set("fan_in_fan_out");
    if (goes_back() && known_ != nullptr) {
      const auto before = parse_config(known_->config_before, kManifestName);
      const bool was = before.contains("fan_in_fan_out") && before["fan_in_fan_out"] == true;
      return was == now ? std::nullopt : std::optional(was);
    }
    if (!now) return std::nullopt;
    std::size_t linear = 0;
    std::size_t turned = 0;
    for (const auto& made : followed.pairs) {
      if (made.pair.form != PairForm::kLinear) continue;
      ++linear;
      turned += made.turned ? 1 : 0;
    }
    if (turned == 0) return std::nullopt;
    if (turned == linear) return false;
    diagnostics_.error(
        "adapter-unlike"_id, {file(), 0, 0, {}, "/fan_in_fan_out", ""},
        fmt::format("the rules transpose {} of {} weights, and the setting is one for all", turned, linear),
        "Merge the adapter into its base first: tenon merge BASE ADAPTER OUT.");
    return std::nullopt;
  }

  std::map<std::string, std::string> places(const FollowedAdapter& followed) const {
    std::vector<std::string> keys;
    for (const auto& made : followed.pairs) {
      if (made.pair.form == PairForm::kParameter) keys.push_back(made.pair.key);
    }
    auto out = places_of_parameters(keys);
    if (known_ == nullptr) return out;
    for (const auto& [stem, key] : known_->parameters) {
      const auto found = out.find(key);
      if (found == out.end()) continue;
      const auto& prefix = followed.pairs.front().pair.prefix;
      found->second = stem.starts_with(prefix) ? stem.substr(prefix.size()) : stem;
    }
    return out;
  }

  void fill(const FollowedAdapter& followed, Plan& plan, bool turned) {
    const auto at = places(followed);
    std::vector<PlannedTensor> outputs;
    const auto add = [&](NamedView tensor, int transform) {
      const auto bytes = byte_size(tensor.view.dtype, tensor.view.shape);
      outputs.push_back({std::move(tensor.key), std::move(tensor.view), transform, 0, 0, bytes.value_or(0)});
    };
    for (const auto& made : followed.pairs) {
      for (auto& tensor : tensors_of(made.pair, turned, at)) add(std::move(tensor), made.transform);
      if (made.pair.form == PairForm::kParameter) remember_parameter(made.pair, at.at(made.pair.key));
    }
    for (const auto& pair : adapter_.pairs) {
      if (pair.form != PairForm::kParameter) continue;
      const std::string& key = tensors_[pair.inputs[0]].key;
      remember_parameter(pair, key.substr(pair.prefix.size(), key.rfind(".lora_") - pair.prefix.size()));
    }
    for (const NamedView& whole : followed.whole) add_whole(whole, add);
    std::sort(outputs.begin(), outputs.end(),
              [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
    plan.outputs = std::move(outputs);
    plan.conditions = followed.conditions;
  }

  void remember_parameter(const LoraPair& pair, const std::string& place) {
    record_.parameters[pair.prefix + place] = pair.key;
    record_.rows_are_inputs[pair.prefix + place] = pair.rows_are_inputs;
  }

  template <typename Add>
  void add_whole(NamedView whole, const Add& add) {
    std::string prefix;
    for (auto& piece : whole.view.pieces) {
      if (is_zero(piece)) continue;
      const NamedView& part = adapter_.whole[phantoms_[piece.source].index];
      piece.source = part.inputs.front();
      const std::string& key = tensors_[piece.source].key;
      prefix = key.substr(0, key.size() - part.key.size());
      whole_names_.emplace_back(part.key, whole.key);
    }
    whole.key = prefix + whole.key;
    const int transform = whole.transform;
    add(std::move(whole), transform);
  }

  // Undone by the manifest where nobody has changed it since: then the source's text comes back verbatim.
  void edit_adapter_config(const AdapterConfig& config, const FollowedAdapter& followed,
                           std::optional<bool> turned, Plan& plan) {
    std::optional<std::string> text;
    if (goes_back() && known_ != nullptr) {
      if (auto undone = with_edits_undone(config.json(), known_->edits)) {
        new_config_ = std::move(*undone);
        const auto before = parse_config(known_->config_before, kManifestName);
        if (nlohmann::json(before) == nlohmann::json(new_config_)) text = known_->config_before;
      }
    }
    if (new_config_.is_null()) new_config_ = renamed_config(config, adapter_, followed, whole_names_, turned);
    record_.edits = edits_between(config.json(), new_config_);
    record_.config_before = config_text_;
    plan.adapter = record_;
    if (!record_.edits.empty())
      plan.adapter_config_text = text.value_or(new_config_.dump(2, ' ', false) + "\n");
  }

  std::vector<bool> dropped_pairs(const Plan& plan) const {
    std::vector<bool> out(adapter_.pairs.size());
    for (std::size_t p = 0; p < phantoms_.size(); ++p) {
      if (phantoms_[p].kind == Phantom::Kind::kPair && plan.fates[p].kind == SourceFate::Kind::kDropped)
        out[phantoms_[p].index] = true;
    }
    return out;
  }

  // What becomes of the adapter's tensors: what becomes of the weight that they are for.
  void tell_fates(Plan& plan) const {
    std::vector<SourceFate> fates(tensors_.size());
    for (std::size_t p = 0; p < phantoms_.size(); ++p) {
      const Phantom& phantom = phantoms_[p];
      if (phantom.kind == Phantom::Kind::kAbsent) continue;
      const auto& inputs = phantom.kind == Phantom::Kind::kPair ? adapter_.pairs[phantom.index].inputs
                                                                : adapter_.whole[phantom.index].inputs;
      for (const std::uint32_t i : inputs) fates[i] = plan.fates[p];
    }
    for (auto& fate : fates) {
      if (fate.kind != SourceFate::Kind::kDropped) fate.output.clear();
    }
    for (const auto& output : plan.outputs) {
      for (const auto& piece : copies_of(output.view)) {
        std::string& first = fates[piece.source].output;
        if (first.empty()) first = output.key;
      }
    }
    plan.fates = std::move(fates);
  }

  // The way back by a manifest: what the source had and is not made now, or otherwise, is told.
  void compare_with_manifest(Plan& plan) const {
    if (!goes_back()) return;
    std::vector<std::string> others;
    for (const auto& record : source_.manifest->source) {
      const auto found = std::find_if(plan.outputs.begin(), plan.outputs.end(),
                                      [&](const PlannedTensor& o) { return o.key == record.key; });
      if (found == plan.outputs.end() || found->view.dtype != record.dtype ||
          found->view.shape != record.shape)
        others.push_back(record.key);
    }
    if (others.empty()) return;
    plan.notes.push_back({Severity::kNote,
                          "plan-does-not-come-back"_id,
                          {},
                          fmt::format("{} of {} tensors do not come back as the source had them: {}",
                                      others.size(), source_.manifest->source.size(), join_some(others)),
                          ""});
  }

  const Checkpoint& source_;
  const BaseModel& base_;
  const RuleSet& rules_;
  const Options& options_;
  const AdapterRecord* known_;
  std::string config_text_;
  nlohmann::ordered_json config_;
  std::vector<NamedView> tensors_;
  Adapter adapter_;
  std::vector<Phantom> phantoms_;
  AdapterRecord record_;
  nlohmann::ordered_json new_config_;
  WholeNames whole_names_;
  Diagnostics diagnostics_;
};

}  // namespace

bool is_adapter(const Checkpoint& checkpoint) {
  std::error_code error;
  return fs::is_regular_file(checkpoint.directory / kAdapterConfigName, error) &&
         std::find(checkpoint.side_files.begin(), checkpoint.side_files.end(),
                   fs::path(kAdapterConfigName)) != checkpoint.side_files.end();
}

Checkpoint checkpoint_to_choose_by(const Checkpoint& adapter, const BaseModel& base,
                                   const AdapterRecord* known) {
  Checkpoint out = base.checkpoint;
  if (!base.has_tensors) {
    Diagnostics diagnostics;
    const std::string file = (adapter.directory / kAdapterConfigName).string();
    const AdapterConfig config(parse_config(read_text_file(file, kMaxAdapterConfigBytes), file), file);
    const Adapter pairs = read_pairs(
        tensors_in(adapter), config, known, [](const auto&) { return std::nullopt; }, diagnostics);
    diagnostics.throw_if_errors();
    out.tensors =
        phantom_checkpoint(pairs, {}, base.checkpoint, std::nullopt, diagnostics).checkpoint.tensors;
  }
  if (adapter.manifest) out.manifest = adapter.manifest;
  return out;
}

Plan build_adapter_plan(const Checkpoint& adapter, const BaseModel& base, const RuleSet& rules,
                        const Options& options, const AdapterRecord* known) {
  return AdapterPlanner(adapter, base, rules, options, known).run();
}

}  // namespace tenon
