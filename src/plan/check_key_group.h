// Is all there that a converter joins?
#pragma once

#include <string>
#include <vector>

#include "plan/key_group.h"
#include "plan/map_keys.h"

namespace tenon {

/// Before a converter's operations run: a converter that joins needs all of its patterns, and lists every
/// number without a gap, equally long, and as long as config.json says. Brings lists into the order of their
/// numbers.
class KeyGroupCheck {
 public:
  /// `seen`: by input, the key that its converter saw, for telling which layers are there at all.
  KeyGroupCheck(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                const KeyMapper& mapper, const std::vector<std::string>& seen, const KeyGroupErrors& errors)
      : inputs_(inputs), request_(request), mapper_(mapper), seen_(seen), errors_(errors) {}

  /// False after a message about what is missing, or there twice.
  bool is_whole(KeyGroup& group) const { return is_complete(group) && lists_are_whole(group); }

 private:
  bool is_complete(const KeyGroup& group) const;
  bool lists_are_whole(KeyGroup& group) const;
  bool list_is_whole(KeyGroup& group, int pattern, const std::string& source,
                     std::vector<std::string>& keys) const;
  bool has_every_layer(const KeyGroup& group, const std::string& key, std::size_t length) const;
  bool is_expected_length(const KeyGroup& group, std::int64_t count) const;

  const std::vector<NamedView>& inputs_;
  const ConversionRequest& request_;
  const KeyMapper& mapper_;
  const std::vector<std::string>& seen_;
  const KeyGroupErrors& errors_;
};

}  // namespace tenon
