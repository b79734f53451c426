#include "plan/numbered_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/text.h"

namespace tenon {
namespace {

using Numbers = std::vector<std::int64_t>;

// "experts" of "mlp.experts.7.w1" with the star at 7; "weight" of "fc1.weight7".
std::string name_before(const std::string& key, std::size_t star) {
  std::size_t end = star;
  if (end > 0 && key[end - 1] == '.') --end;
  const std::size_t dot = end == 0 ? std::string::npos : key.rfind('.', end - 1);
  const std::size_t begin = dot == std::string::npos ? 0 : dot + 1;
  return key.substr(begin, end - begin);
}

class Reader {
 public:
  Reader(const KeyRewriter& rewriter, const std::string& source, const std::vector<std::string>& keys)
      : rewriter_(rewriter), source_(source), keys_(keys) {}

  NumberedList run() {
    if (!read()) return {};
    out_.numbered = true;
    out_.order.resize(keys_.size());
    std::iota(out_.order.begin(), out_.order.end(), std::size_t{0});
    std::stable_sort(out_.order.begin(), out_.order.end(),
                     [&](std::size_t a, std::size_t b) { return numbers_[a] < numbers_[b]; });
    static_cast<void>(gap() || hole() || twice());
    return std::move(out_);
  }

 private:
  // The numbers of every key; false where one has none.
  bool read() {
    for (const auto& key : keys_) {
      Numbers numbers;
      const auto stars = rewriter_.stars(key);
      for (const auto& star : stars) {
        const auto number = as_index(key.substr(star.begin, star.end - star.begin));
        if (!number) return false;
        numbers.push_back(*number);
      }
      if (numbers.empty()) return false;
      if (numbers_.empty()) {
        for (const auto& star : stars) out_.names.push_back(name_before(key, star.begin));
      }
      numbers_.push_back(std::move(numbers));
    }
    wanted_ = rewriter_.list_numbers(numbers_.front().size());
    for (std::size_t level = 0; level < numbers_.front().size(); ++level) {
      std::set<std::int64_t> at;
      for (const auto& numbers : numbers_) at.insert(numbers[level]);
      out_.lengths.push_back(at.size());
      levels_.push_back(std::move(at));
    }
    return true;
  }

  std::string which(std::size_t level) const {
    return levels_.size() == 1 ? source_ : fmt::format("{} of {}", out_.names[level], source_);
  }

  bool gap() {
    for (std::size_t level = 0; level < levels_.size(); ++level) {
      const auto& [start, stride] = wanted_[level];
      const auto& there = levels_[level];
      std::vector<std::string> missing;
      for (std::int64_t i = start; i < *there.rbegin() && missing.size() < 20; i += stride) {
        if (!there.contains(i)) missing.push_back(std::to_string(i));
      }
      if (missing.empty()) continue;
      out_.is_gap = true;
      const bool steps = start != 0 || stride != 1;
      out_.wrong = fmt::format("the list {} has a gap: {} of {} to {}{} missing", which(level),
                               join_some(missing, 8), start, *there.rbegin(),
                               steps && stride != 1 ? fmt::format(" in steps of {}", stride) : "");
      out_.hint = "The checkpoint is incomplete, or the rule collects what does not belong together.";
      if (!steps && *there.begin() > 0 &&
          *there.rbegin() - *there.begin() + 1 == static_cast<std::int64_t>(there.size()))
        out_.hint = fmt::format(
            "If the list is to begin there, say `start: {}` on its operation; otherwise the checkpoint is "
            "incomplete.",
            *there.begin());
      return true;
    }
    return false;
  }

  // Of lists in a list each must have every item.
  bool hole() {
    if (levels_.size() < 2) return false;
    const std::set<Numbers> there(numbers_.begin(), numbers_.end());
    std::size_t wanted = 1;
    for (const auto& level : levels_) wanted *= level.size();
    if (there.size() == wanted) return false;
    out_.is_gap = true;
    Numbers missing;
    find_missing(there, {}, missing);
    std::string which;
    for (std::size_t i = 0; i < missing.size(); ++i)
      which += fmt::format("{}{} {}", i == 0 ? "" : ", ", out_.names[i], missing[i]);
    const std::size_t more = wanted - there.size() - 1;
    out_.wrong = fmt::format("the lists of {} have holes: {}{} missing", source_, which,
                             more > 0 ? fmt::format(" and {} more", more) : "");
    out_.hint = "Every list in a list must be as long as the others: the checkpoint is incomplete.";
    return true;
  }

  bool find_missing(const std::set<Numbers>& there, Numbers so_far, Numbers& missing) const {
    if (so_far.size() == levels_.size()) {
      if (there.contains(so_far)) return false;
      missing = std::move(so_far);
      return true;
    }
    for (const std::int64_t number : levels_[so_far.size()]) {
      so_far.push_back(number);
      if (find_missing(there, so_far, missing)) return true;
      so_far.pop_back();
    }
    return false;
  }

  bool twice() {
    const std::set<Numbers> there(numbers_.begin(), numbers_.end());
    if (there.size() == keys_.size()) return false;
    out_.wrong =
        fmt::format("the list {} has {} tensors for {} numbers", source_, keys_.size(), there.size());
    out_.hint = "Two tensors have the same number: the pattern collects what does not belong together.";
    return true;
  }

  const KeyRewriter& rewriter_;
  const std::string& source_;
  const std::vector<std::string>& keys_;
  std::vector<Numbers> numbers_;
  std::vector<std::set<std::int64_t>> levels_;
  std::vector<ListNumbers> wanted_;
  NumberedList out_;
};

}  // namespace

NumberedList numbered_list(const KeyRewriter& rewriter, const std::string& source,
                           const std::vector<std::string>& keys) {
  return Reader(rewriter, source, keys).run();
}

}  // namespace tenon
