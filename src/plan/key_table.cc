#include "plan/key_table.h"

#include <fmt/format.h>

#include "base/text.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

// The outputs that hold elements of each source tensor, in natural order.
std::vector<std::vector<std::uint32_t>> outputs_by_source(const Checkpoint& source, const Plan& plan) {
  std::vector<std::vector<std::uint32_t>> out(source.tensors.size());
  for (std::uint32_t i = 0; i < plan.outputs.size(); ++i) {
    for (const std::uint32_t s : sources_of(plan.outputs[i].view)) out[s].push_back(i);
  }
  return out;
}

std::string converter_name(const Plan& plan, int transform) {
  if (transform < 0) return "";
  const Transform& t = plan.transforms[static_cast<std::size_t>(transform)];
  std::string out;
  for (const auto& operation : t.operations) out += (out.empty() ? "" : ", ") + to_string(operation);
  return out;
}

UserError no_key(const Checkpoint& source, const Plan& plan, const std::string& glob) {
  std::vector<std::string> keys;
  for (const Tensor& tensor : source.tensors) keys.push_back(tensor.key);
  for (const PlannedTensor& output : plan.outputs) keys.push_back(output.key);
  const auto near = nearest(glob, keys, 5);
  return UserError("key-unknown"_id, {source.directory.string(), 0, 0, {}, glob, ""},
                   "no key of this checkpoint matches, and none that the conversion makes",
                   near.empty() ? "* is one or more characters other than a dot, ** is any characters."
                                : "Near: " + join_some(near) + ".");
}

}  // namespace

std::vector<KeyRow> key_table(const Checkpoint& source, const Plan& plan, const std::string& glob) {
  const auto outputs = outputs_by_source(source, plan);
  std::vector<KeyRow> rows;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const std::string& key = source.tensors[i].key;
    const bool matches = glob_matches(glob, key);
    if (matches && outputs[i].empty()) rows.push_back({key, "", plan.fates[i].reason});
    for (const std::uint32_t o : outputs[i]) {
      const PlannedTensor& output = plan.outputs[o];
      if (matches || glob_matches(glob, output.key))
        rows.push_back({key, output.key, converter_name(plan, output.transform)});
    }
  }
  if (rows.empty()) throw no_key(source, plan, glob);
  return rows;
}

}  // namespace tenon
