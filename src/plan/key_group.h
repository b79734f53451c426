// What reaches one target of one converter, and how a message names it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/diagnostics.h"
#include "plan/conversion.h"

namespace tenon {

/// The inputs that reached one target key of one converter, by source pattern.
struct KeyGroup {
  int converter = 0;
  /// With the first target in place.
  std::string key;
  /// Where the target's text stands in `key`.
  std::size_t at = 0;
  std::size_t length = 0;
  std::optional<std::string> capture;
  /// Source pattern -> inputs, in natural order.
  std::map<int, std::vector<std::uint32_t>> members;
  /// The keys that the converter saw, parallel to `members`.
  std::map<int, std::vector<std::string>> seen;
  /// Lengths of the lists in lists that a pattern collected.
  std::map<int, std::vector<std::size_t>> lists;
};

/// Messages about groups. The place is the first tensor that took part: a key that is to be made is nowhere
/// to be found.
class KeyGroupErrors {
 public:
  KeyGroupErrors(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                 Diagnostics& diagnostics)
      : inputs_(inputs), request_(request), diagnostics_(diagnostics) {}

  const Transform& transform_of(const KeyGroup& group) const {
    return request_.transforms[static_cast<std::size_t>(group.converter)];
  }

  const NamedView& first_input(const KeyGroup& group) const {
    return inputs_[group.members.begin()->second.front()];
  }

  /// What one converter meets in all layers has one cause, and is one message; `pattern` tells its lists
  /// apart.
  void fail(ErrorId id, const KeyGroup& group, const std::string& message, std::string hint = {},
            std::string_view pattern = {}) const;

  /// An operation sees views, not keys: which of the group's tensors they were is told here.
  void fail(const KeyGroup& group, const Operation& operation, const OperationError& error) const;

 private:
  std::optional<std::pair<std::uint32_t, std::uint32_t>> unlike(const KeyGroup& group, bool by_dtype) const;

  const std::vector<NamedView>& inputs_;
  const ConversionRequest& request_;
  Diagnostics& diagnostics_;
};

}  // namespace tenon
