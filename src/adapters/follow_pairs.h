// What the base's rules make of an adapter's pairs. The rules have been run on phantoms, tensors with the
// names and shapes of the weights that the pairs change and nothing in them; here every tensor of that plan
// is taken apart into rows and columns, and its pair is put together out of those of its parts.
//
// With parts m = 1, 2, ... whose rows and columns go to disjoint products of places, the pair
//     left = [left_1 left_2 ...], right = [right_1; right_2; ...]
// (each part's rows and columns at their places, zeros elsewhere) has left * right = the rules' (B A),
// element by element: at a place of part m's product no other part has a row and a column. So A stacks along
// the rank and B is block diagonal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/follow_request.h"
#include "base/diagnostics.h"

namespace tenon {

struct FollowedPair {
  LoraPair pair;
  /// of the phantoms' plan
  int transform = -1;
  /// its rows were columns
  bool turned = false;
  /// the pairs that it is made of
  std::vector<std::size_t> sources;
};

struct FollowedAdapter {
  std::vector<FollowedPair> pairs;
  /// their pieces' sources are phantoms
  std::vector<NamedView> whole;
  std::map<std::string, std::vector<std::int64_t>> ranks;
  /// over the adapter's tensors
  std::vector<Condition> conditions;
};

/// What cannot be a pair is refused, by the name of a tensor of the adapter.
FollowedAdapter follow_pairs(const FollowRequest& request, Diagnostics& diagnostics);

/// The alpha that scales a pair of rank `to` as `alpha` does one of rank `from`; nothing where no number
/// does.
std::optional<double> alpha_for(double alpha, std::int64_t from, std::int64_t to, bool by_root);

}  // namespace tenon
