#include "checkpoint/fill_from.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "checkpoint/natural_order.h"

namespace tenon {
namespace {

// "layers.*.w" of layers.3.w: what differs in numbers only is alike.
std::string without_digits(const std::string& key) {
  std::string out;
  for (const char c : key) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) {
      out += c;
    } else if (out.empty() || out.back() != '*') {
      out += '*';
    }
  }
  return out;
}

std::string header_as_text(const Tensor& t) {
  return fmt::format("{} {}", name_of(t.dtype), to_string(t.shape));
}

class Filling {
 public:
  Filling(const Checkpoint& checkpoint, const Checkpoint& origin, const std::string& name)
      : checkpoint_(checkpoint), origin_(origin), name_(name) {
    for (const Tensor& t : checkpoint.tensors) alike_[without_digits(t.key)].push_back(&t);
    for (const Tensor& t : origin.tensors) {
      const Tensor* const own = checkpoint.find(t.key);
      if (own == nullptr) {
        missing_.push_back(&t);
      } else {
        both_.emplace_back(own, &t);
      }
    }
  }

  // What the checkpoint lacks, each tensor as the origin has it.
  std::vector<const Tensor*> run() {
    check_layouts();
    check_both();
    for (const Tensor* const t : missing_) check(*t);
    diagnostics_.throw_if_errors();
    return std::move(missing_);
  }

 private:
  static std::optional<Layout> layout_of(const Checkpoint& checkpoint) {
    return checkpoint.manifest ? std::optional(checkpoint.manifest->layout) : std::nullopt;
  }

  void check_layouts() {
    if (!missing_.empty() && both_.empty()) {
      diagnostics_.error("fill-other-layout"_id, {name_, 0, 0, {}, missing_.front()->key, ""},
                         fmt::format("has no tensor under a name that {} has", checkpoint_.path.string()),
                         "--fill-from takes a checkpoint of the same model in the same layout.");
    } else if (layout_of(origin_) == Layout::kFused && layout_of(checkpoint_) != Layout::kFused) {
      diagnostics_.error(
          "fill-other-layout"_id, {name_, 0, 0, {}, "", ""}, "is in the fused layout, by its manifest",
          "--fill-from takes a checkpoint in the source's layout: convert it --to original first.");
    }
    diagnostics_.throw_if_errors();
  }

  // The two are of one model where what both have is alike; in which dtypes they may differ is known by them.
  void check_both() {
    for (const auto& [own, other] : both_) {
      became_[other->dtype].insert(own->dtype);
      if (own->shape == other->shape || missing_.empty()) continue;
      diagnostics_.add_once("shape", {Severity::kError,
                                      "fill-does-not-fit"_id,
                                      {name_, 0, 0, {}, other->key, ""},
                                      fmt::format("is {}; in {} it is {}", header_as_text(*other),
                                                  checkpoint_.path.string(), header_as_text(*own)),
                                      "Fill from the checkpoint that this one started from."});
    }
  }

  void check(const Tensor& t) {
    const auto like = alike_.find(without_digits(t.key));
    const Tensor* other = nullptr;
    if (like != alike_.end()) {
      const bool fits = std::any_of(like->second.begin(), like->second.end(), [&](const Tensor* own) {
        return own->dtype == t.dtype && own->shape == t.shape;
      });
      if (fits) return;
      other = like->second.front();
    } else {
      const auto known = became_.find(t.dtype);
      if (known == became_.end() || known->second.contains(t.dtype)) return;
      const auto changed = std::find_if(both_.begin(), both_.end(), [&](const auto& pair) {
        return pair.second->dtype == t.dtype && pair.first->dtype != t.dtype;
      });
      other = changed->first;
    }
    diagnostics_.add_once("like", {Severity::kError,
                                   "fill-does-not-fit"_id,
                                   {name_, 0, 0, {}, t.key, ""},
                                   fmt::format("is {}; {} of {} is {}", header_as_text(t), other->key,
                                               checkpoint_.path.string(), header_as_text(*other)),
                                   "Whole tensors are taken as they are: fill from a checkpoint of the same "
                                   "dtypes and sizes."});
  }

  const Checkpoint& checkpoint_;
  const Checkpoint& origin_;
  const std::string& name_;
  std::map<std::string, std::vector<const Tensor*>> alike_;
  std::vector<const Tensor*> missing_;
  std::vector<std::pair<const Tensor*, const Tensor*>> both_;
  std::map<DType, std::set<DType>> became_;  // of what both have: the origin's dtype -> the checkpoint's
  Diagnostics diagnostics_;
};

}  // namespace

void fill_from(Checkpoint& checkpoint, const Checkpoint& origin, const std::string& name) {
  const std::vector<const Tensor*> missing = Filling(checkpoint, origin, name).run();
  std::vector<std::string> keys;
  const auto first = static_cast<std::uint32_t>(checkpoint.shards.size());
  for (const Tensor* const t : missing) {
    keys.push_back(t->key);
    checkpoint.tensors.push_back(*t);
    checkpoint.tensors.back().shard += first;
  }
  const Place place{checkpoint.path.string(), 0, 0, {}, "", ""};
  if (missing.empty()) {
    checkpoint.warnings.push_back({Severity::kWarning, "fill-nothing"_id, place,
                                   fmt::format("lacks nothing that {} has: nothing is filled in", name), ""});
    return;
  }
  checkpoint.first_filled_shard = first;
  checkpoint.shards.insert(checkpoint.shards.end(), origin.shards.begin(), origin.shards.end());
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  checkpoint.warnings.push_back(
      {Severity::kNote, "fill-from"_id, place,
       fmt::format("{} that it lacks {} read from {}: {}", counted(missing.size(), "tensor"),
                   missing.size() == 1 ? "is" : "are", name, join_some(keys, 3)),
       ""});
}

}  // namespace tenon
