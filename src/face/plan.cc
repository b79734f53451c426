#include "tenon/plan.h"

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "checkpoint/headers_file.h"
#include "engine/conditions.h"
#include "face/inside.h"
#include "face/options.h"
#include "parity/tensor_bytes.h"
#include "plan/dump_plan.h"
#include "plan/explain.h"
#include "plan/snapshot.h"
#include "report/explain_report.h"
#include "report/plan_report.h"
#include "tasks/convert.h"
#include "tasks/explain.h"

namespace tenon::v0 {
namespace {

std::vector<TensorInfo> outputs_of(const tenon::Plan& plan) {
  std::vector<TensorInfo> out;
  out.reserve(plan.outputs.size());
  for (const PlannedTensor& tensor : plan.outputs) {
    out.push_back({tensor.key, std::string(name_of(tensor.view.dtype)), tensor.view.shape, tensor.bytes,
                   plan.shards[tensor.shard].name});
  }
  return out;
}

std::vector<Fate> fates_of(const tenon::Plan& plan, const tenon::Checkpoint& source) {
  constexpr const char* kWords[] = {"passed", "renamed", "converted", "dropped"};
  std::vector<Fate> out;
  out.reserve(plan.fates.size());
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    const SourceFate& fate = plan.fates[i];
    out.push_back({source.tensors[i].key, kWords[static_cast<int>(fate.kind)], fate.output, fate.reason});
  }
  return out;
}

// A copy of one source tensor, whole.
std::optional<std::uint32_t> only_source(const View& view) {
  if (view.pieces.size() != 1 || is_zero(view.pieces[0])) return std::nullopt;
  const std::uint32_t source = view.pieces[0].source;
  return is_identity(view, source) ? std::optional(source) : std::nullopt;
}

}  // namespace

struct Plan::State {
  explicit State(PlannedConversion made)
      : planned(std::move(made)),
        outputs(outputs_of(planned.plan)),
        fates(fates_of(planned.plan, planned.source)),
        notes(face::told(planned.plan.notes)) {}

  std::size_t index_of(const std::string& key) const {
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const TensorInfo& tensor) { return tensor.key == key; });
    if (found != outputs.end()) return static_cast<std::size_t>(found - outputs.begin());
    std::vector<std::string> keys;
    for (const TensorInfo& tensor : outputs) keys.push_back(tensor.key);
    throw tenon::UserError("key-unknown"_id, {planned.source.directory.string(), 0, 0, {}, key, ""},
                           "the conversion makes no such tensor", did_you_mean(key, keys));
  }

  // What the plan takes for granted of the bytes, looked at when the first of them are asked for.
  void check_bytes() const {
    require_tensors(planned.source);
    std::call_once(checked, [&] { check_conditions(planned.plan, planned.source, tenon::nobody()); });
  }

  const PlannedConversion planned;
  const std::vector<TensorInfo> outputs;
  const std::vector<Fate> fates;
  const std::vector<Diagnostic> notes;
  mutable std::once_flag checked;
};

Plan::Plan(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Plan Plan::make(const std::filesystem::path& source, const PlanOptions& options) {
  return make(source, options, face::nobody());
}

Plan Plan::make(const std::filesystem::path& source, const PlanOptions& options, Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    const Options inner = face::inner(options);
    return Plan(
        std::make_shared<const State>(plan_conversion(source.string(), inner, library_of(inner), bridge)));
  });
}

Layout Plan::to() const {
  return static_cast<Layout>(state_->planned.plan.to);
}

const std::vector<TensorInfo>& Plan::outputs() const {
  return state_->outputs;
}

const TensorInfo* Plan::find(const std::string& key) const {
  const auto found = std::find_if(state_->outputs.begin(), state_->outputs.end(),
                                  [&](const TensorInfo& tensor) { return tensor.key == key; });
  return found == state_->outputs.end() ? nullptr : &*found;
}

const std::vector<Fate>& Plan::fates() const {
  return state_->fates;
}

const std::vector<Diagnostic>& Plan::notes() const {
  return state_->notes;
}

const std::string& Plan::hash() const {
  return state_->planned.plan.hash;
}

std::vector<std::byte> Plan::read(const std::string& key) const {
  return face::outside([&] {
    const PlannedTensor& output = state_->planned.plan.outputs[state_->index_of(key)];
    state_->check_bytes();
    const TensorReader reader(state_->planned.source);
    std::vector<std::byte> bytes(output.bytes);
    if (const auto whole = only_source(output.view)) {
      reader.read(*whole, bytes.data());
      return bytes;
    }
    SourceBytes sources;
    for (const std::uint32_t source : sources_of(output.view)) sources[source] = reader.read(source);
    gather(output, sources, bytes.data());
    return bytes;
  });
}

KeyExplanation Plan::explain(const std::string& key) const {
  return face::outside([&] {
    const auto& [planned, to] = std::tie(state_->planned, state_->planned.plan.to);
    const Explanation found = explain_planned(planned, key);
    return KeyExplanation{found.results, found.made_of, explain_text(found, to),
                          face::text_of(explain_json(found, to))};
  });
}

std::string Plan::text() const {
  return plan_text(state_->planned.source, state_->planned.rules, state_->planned.plan);
}

std::string Plan::json() const {
  return face::text_of(plan_json(state_->planned.plan, state_->planned.source));
}

std::string Plan::golden() const {
  return golden_dump(state_->planned.plan, state_->planned.source);
}

std::string Plan::snapshot() const {
  return plan_snapshot(state_->planned.source, state_->planned.rules, state_->planned.plan);
}

}  // namespace tenon::v0
