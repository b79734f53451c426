// What a pattern with stars collects: a list, or a list of lists, told by the numbers in the keys.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "rules/key_rewriter.h"

namespace tenon {

struct NumberedList {
  // do numbers stand for all stars? Otherwise nothing else is known
  bool numbered = false;
  // the keys' places, by their numbers
  std::vector<std::size_t> order;
  // items of each list, the outer first
  std::vector<std::size_t> lengths;
  // the part of the key before each star: "experts"
  std::vector<std::string> names;
  // what is wrong with it, and what to do; is something missing, or is something there twice?
  bool is_gap = false;
  std::string wrong;
  std::string hint;
};

/// `source`: the pattern, for messages; `keys`: all that it collected, as the converter saw them. A gap, a
/// hole in one of the inner lists, or two tensors of one number are wrong.
NumberedList numbered_list(const KeyRewriter& rewriter, const std::string& source,
                           const std::vector<std::string>& keys);

}  // namespace tenon
