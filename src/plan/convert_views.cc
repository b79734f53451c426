#include "plan/convert_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <unordered_map>

#include "base/checked.h"
#include "base/text.h"
#include "checkpoint/natural_order.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxOutputs = 1'000'000;
constexpr std::size_t kMaxCopies = 2'000'000;

// The inputs that reached one target key of one converter, by source pattern.
struct Group {
  int converter = 0;
  std::string key;  // with the first target in place
  std::size_t at = 0;
  std::size_t length = 0;  // of the target's text in `key`
  std::optional<std::string> capture;
  std::map<int, std::vector<std::uint32_t>> members;  // source pattern -> inputs, in natural order
  std::map<int, std::vector<std::string>> seen;  // the keys that the converter saw, parallel to `members`
};

std::optional<std::int64_t> as_index(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool collects_lists(const Transform& t) {
  return std::any_of(t.operations.begin(), t.operations.end(), [](const Operation& o) {
    return std::holds_alternative<MergeModulelist>(o.does) || std::holds_alternative<Concatenate>(o.does) ||
           std::holds_alternative<ErnieFuseAndSplitTextVisionExperts>(o.does);
  });
}

class Converter {
 public:
  Converter(const std::vector<NamedView>& inputs, const ConversionRequest& request, Diagnostics& diagnostics)
      : inputs_(inputs),
        request_(request),
        diagnostics_(diagnostics),
        mapper_(request.transforms, request.to_fused, request.fused_keys) {}

  Conversion run() {
    map_keys();
    for (auto& group : groups_) {
      convert(group);
      if (is_beyond_measure(group)) break;
    }
    out_.used = mapper_.used();
    std::sort(out_.outputs.begin(), out_.outputs.end(),
              [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
    report_collisions();
    return std::move(out_);
  }

 private:
  void map_keys() {
    out_.converter_of.assign(inputs_.size(), -1);
    out_.key_of.resize(inputs_.size());
    std::unordered_map<std::string, std::size_t> group_of;
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      MappedKey mapped = mapper_.map(inputs_[i].key);
      out_.key_of[i] = mapped.key;
      if (mapped.converter < 0) {
        out_.outputs.push_back({std::move(mapped.key), inputs_[i].view, -1, {i}});
        continue;
      }
      out_.converter_of[i] = mapped.converter;
      const auto [at, fresh] =
          group_of.try_emplace(fmt::format("{} {}", mapped.converter, mapped.key), groups_.size());
      if (fresh) {
        groups_.push_back({mapped.converter,
                           mapped.key,
                           mapped.rewrite->at,
                           mapped.rewrite->replacement.size(),
                           mapped.rewrite->group,
                           {},
                           {}});
      }
      Group& group = groups_[at->second];
      group.members[mapped.rewrite->alternative].push_back(i);
      group.seen[mapped.rewrite->alternative].push_back(std::move(mapped.before_converter));
    }
  }

  const Transform& transform_of(const Group& group) const {
    return request_.transforms[static_cast<std::size_t>(group.converter)];
  }

  void fail(const Group& group, const std::string& message, const std::string& hint = {}) {
    Place place = transform_of(group).place;
    place.inside = group.key;
    diagnostics_.error(std::move(place), fmt::format("{}: {}", describe(transform_of(group)), message), hint);
  }

  void convert(Group& group) {
    if (!is_complete(group) || !lists_are_whole(group)) return;
    const Transform& transform = transform_of(group);
    std::vector<Entry> entries;
    std::vector<std::uint32_t> members;
    for (const auto& [pattern, indices] : group.members) {
      Entry entry{false, static_cast<std::size_t>(pattern), std::nullopt, {}};
      for (const std::uint32_t i : indices) entry.views.push_back(inputs_[i].view);
      entries.push_back(std::move(entry));
      members.insert(members.end(), indices.begin(), indices.end());
    }
    const std::string& fused_key = request_.to_fused ? group.key : inputs_[members.front()].key;
    const OperationContext context{
        transform,  fused_key, request_.to_fused, request_.known, request_.assumptions,
        out_.found, out_.notes};
    for (const auto& operation : transform.operations) {
      try {
        apply_operation(operation, context, entries);
      } catch (const OperationError& e) {
        fail(group, fmt::format("{}: {}", to_string(operation), e.message), e.hint);
        return;
      }
    }
    emit(group, std::move(entries), members);
  }

  // A few small tensors without elements, or with many, could make a plan that fills the memory.
  bool is_beyond_measure(const Group& group) {
    for (; measured_ < out_.outputs.size(); ++measured_)
      pieces_ += out_.outputs[measured_].view.pieces.size();
    if (out_.outputs.size() <= kMaxOutputs && pieces_ <= kMaxCopies) return false;
    fail(group, fmt::format("the plan grows beyond {} tensors or {} copies", kMaxOutputs, kMaxCopies),
         "No model has so many: is it the right rule for this checkpoint?");
    return true;
  }

  // A converter that joins needs all of its patterns.
  bool is_complete(const Group& group) {
    const Transform& t = transform_of(group);
    if (group.members.size() == t.source_patterns.size() || !collects_lists(t)) return true;
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < t.source_patterns.size(); ++i) {
      if (!group.members.contains(static_cast<int>(i))) missing.push_back(t.source_patterns[i]);
    }
    fail(group,
         fmt::format("nothing in the checkpoint matches {}, but {} is there", join_some(missing),
                     inputs_[group.members.begin()->second.front()].key),
         "All parts of a fused tensor must be in the checkpoint.");
    return false;
  }

  // Lists must be 0, 1, ... without a gap, equally long, and as long as the config says.
  bool lists_are_whole(const Group& group) {
    bool whole = true;
    for (const auto& [pattern, keys] : group.seen) {
      const std::string& source = transform_of(group).source_patterns[static_cast<std::size_t>(pattern)];
      if (source.find("*.") == std::string::npos && source.find('*') == std::string::npos) {
        if (keys.size() > 1) {
          fail(group, fmt::format("{} and {} both match {}", keys[0], keys[1], source),
               "Two tensors cannot become one: make the pattern tell them apart, or write a list with '*.'.");
          whole = false;
        }
        continue;
      }
      whole = list_is_whole(group, source, keys) && whole;
    }
    return whole;
  }

  bool list_is_whole(const Group& group, const std::string& source, const std::vector<std::string>& keys) {
    std::set<std::int64_t> indices;
    for (const auto& key : keys) {
      const auto star = mapper_.rewriter(group.converter).star(key);
      const auto index = star ? as_index(*star) : std::nullopt;
      if (!index) return true;  // not numbered: the proof of the way back decides
      indices.insert(*index);
    }
    const auto count = static_cast<std::int64_t>(keys.size());
    std::vector<std::string> missing;
    for (std::int64_t i = 0; i < *indices.rbegin() && missing.size() < 20; ++i) {
      if (!indices.contains(i)) missing.push_back(std::to_string(i));
    }
    if (!missing.empty()) {
      fail(group,
           fmt::format("the list {} has a gap: {} of 0 to {} missing", source, join_some(missing, 8),
                       *indices.rbegin()),
           "The checkpoint is incomplete, or the rule collects what does not belong together.");
      return false;
    }
    if (static_cast<std::int64_t>(indices.size()) != count) {
      fail(group, fmt::format("the list {} has {} tensors for {} numbers", source, count, indices.size()),
           "Two tensors have the same number: the pattern collects what does not belong together.");
      return false;
    }
    const bool experts = source.find("expert") != std::string::npos && request_.to_fused;
    return !experts || is_expected_length(group, count);
  }

  bool is_expected_length(const Group& group, std::int64_t count) {
    if (request_.expert_counts.empty()) return true;
    // A list that is dealt out to several targets holds that many times the experts.
    const Transform& t = transform_of(group);
    const bool dealt_out =
        std::holds_alternative<ErnieFuseAndSplitTextVisionExperts>(t.operations.front().does);
    const std::int64_t times = dealt_out ? static_cast<std::int64_t>(t.target_patterns.size()) : 1;
    const auto& counts = request_.expert_counts;
    if (std::any_of(counts.begin(), counts.end(), [&](auto c) { return checked_mul(c, times) == count; }))
      return true;
    fail(group,
         fmt::format("{} experts, but config.json says {}{}", count, counts.front(),
                     times == 1 ? "" : fmt::format(" times {}", times)),
         "The checkpoint is incomplete, or config.json is not its own.");
    return false;
  }

  void emit(const Group& group, std::vector<Entry> entries, const std::vector<std::uint32_t>& members) {
    const Transform& transform = transform_of(group);
    const bool paired = transform.source_patterns.size() == transform.target_patterns.size();
    bool first = true;
    for (auto& entry : entries) {
      if (entry.views.size() != 1 || (!entry.is_target && !paired && transform.target_patterns.size() != 1) ||
          (!entry.is_target && !paired && entries.size() != 1)) {
        fail(group, "its operations leave more tensors than its targets name",
             "Many tensors become one by Concatenate or MergeModulelist, one becomes many by Chunk or "
             "SplitModulelist.");
        return;
      }
      const std::size_t target = entry.is_target || paired ? entry.pattern : 0;
      std::string text = mapper_.rewriter(group.converter).target_text(target, group.capture);
      if (entry.index) {
        for (std::size_t star = text.find('*'); star != std::string::npos; star = text.find('*')) {
          text.replace(star, 1, std::to_string(*entry.index));
        }
      }
      std::string key = group.key;
      key.replace(group.at, group.length, text);
      if (!request_.to_fused) key = mapper_.rename(std::move(key));
      if (first) {
        for (const std::uint32_t i : members) out_.key_of[i] = key;
      }
      first = false;
      out_.outputs.push_back({std::move(key), std::move(entry.views.front()), group.converter, members});
    }
  }

  std::string sources_of(const NamedView& output) const {
    std::vector<std::string> keys;
    for (const std::uint32_t i : output.inputs) keys.push_back(inputs_[i].key);
    std::string out = join_some(keys, 3);
    if (output.transform >= 0)
      out += " by " + describe(request_.transforms[static_cast<std::size_t>(output.transform)]);
    return out;
  }

  void report_collisions() {
    for (std::size_t i = 1; i < out_.outputs.size(); ++i) {
      const NamedView& a = out_.outputs[i - 1];
      const NamedView& b = out_.outputs[i];
      if (a.key != b.key) continue;
      diagnostics_.error({"", 0, 0, {}, a.key, ""},
                         fmt::format("two tensors reach this key: {}; and {}", sources_of(a), sources_of(b)),
                         "One of them would be lost: make the rules keep them apart.");
    }
  }

  const std::vector<NamedView>& inputs_;
  const ConversionRequest& request_;
  Diagnostics& diagnostics_;
  KeyMapper mapper_;
  std::vector<Group> groups_;
  Conversion out_;
  std::size_t measured_ = 0;  // outputs whose pieces are counted
  std::size_t pieces_ = 0;
};

}  // namespace

Conversion convert_views(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                         Diagnostics& diagnostics) {
  return Converter(inputs, request, diagnostics).run();
}

}  // namespace tenon
