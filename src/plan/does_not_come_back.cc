#include "plan/does_not_come_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "checkpoint/natural_order.h"

namespace tenon {

void say_what_does_not_come_back(const Checkpoint& checkpoint, Plan& plan) {
  if (!checkpoint.manifest || checkpoint.manifest->layout == plan.to) return;
  const auto note = [&](ErrorId id, std::string message) {
    plan.notes.push_back({Severity::kNote, id, {}, std::move(message), ""});
  };
  const Manifest& manifest = *checkpoint.manifest;
  if (manifest.options.one_way)
    note("plan-one-way"_id, "this checkpoint was made one-way: the way back need not give its source");
  const auto output_of = [&](const std::string& key) {
    const auto at =
        std::lower_bound(plan.outputs.begin(), plan.outputs.end(), key,
                         [](const PlannedTensor& o, const std::string& k) { return natural_less(o.key, k); });
    return at == plan.outputs.end() || at->key != key ? nullptr : &*at;
  };
  std::vector<std::string> keys;
  for (const auto& [key, reason] : manifest.dropped) {
    if (output_of(key) == nullptr) keys.push_back(key);
  }
  if (!keys.empty()) {
    note("plan-does-not-come-back"_id,
         fmt::format("{} {} left out on the way there and does not come back: {}", keys.size(),
                     keys.size() == 1 ? "tensor was" : "tensors were", join_some(keys)));
  }
  const std::unordered_set<std::string> filled(manifest.filled.begin(), manifest.filled.end());
  std::vector<std::string> others;
  for (const auto& record : manifest.source) {
    if (manifest.dropped.contains(record.key) || filled.contains(record.key)) continue;
    const PlannedTensor* const output = output_of(record.key);
    if (output == nullptr || output->view.dtype != record.dtype || output->view.shape != record.shape)
      others.push_back(record.key);
  }
  if (others.empty()) return;
  note("plan-does-not-come-back"_id,
       fmt::format("{} {} as the source had {}: {} ({})", others.size(),
                   others.size() == 1 ? "tensor does not come back" : "tensors do not come back",
                   others.size() == 1 ? "it" : "them", join_some(others),
                   manifest.options.one_way ? "one-way" : "forward only, or other rules than then"));
}

}  // namespace tenon
