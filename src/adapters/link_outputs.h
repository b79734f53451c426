// Which pairs go where: the outputs of the phantoms' plan that hold elements of pairs, taken apart into
// links, and which of its ranks a pair gives to each of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/factor_view.h"
#include "adapters/follow_request.h"

namespace tenon {

/// Which of a pair's ranks a link takes.
struct RankBlock {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

/// A tensor of the phantoms' plan that pairs have a part in.
struct LinkedOutput {
  const PlannedTensor* tensor = nullptr;
  Matrices shape;
  bool convolution = false;
  std::vector<Link> links;
  /// parallel to links
  std::vector<RankBlock> blocks;
};

struct LinkedOutputs {
  /// by phantom
  std::vector<Matrices> sources;
  std::vector<LinkedOutput> outputs;
  /// outputs without pairs
  std::vector<NamedView> whole;
  /// of pairs that several outputs are made of
  std::map<std::string, std::vector<std::int64_t>> ranks;
  /// what is not carried over is zero
  std::vector<Condition> conditions;
};

/// What is no sum of products, or does not come apart, is refused by the name of a tensor of the adapter.
LinkedOutputs link_outputs(const FollowRequest& request, Diagnostics& diagnostics);

/// A pair cannot do what the rules do to its weight.
void refuse_product(const LoraPair& pair, const std::string& what, Diagnostics& diagnostics);

/// The ranks that are recorded of a tensor of the base, nullptr where there are none.
const std::vector<std::int64_t>* known_ranks(const FollowRequest& request, const std::string& key);

}  // namespace tenon
