#include "adapters/link_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "adapters/place_rows.h"
#include "adapters/read_pairs.h"
#include "base/text.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

Matrices matrices_of(const Shape& shape, bool convolution) {
  Matrices out;
  if (shape.size() == 3 && !convolution) return {shape[0], shape[1], shape[2]};
  out.rows = shape.empty() ? 1 : shape[0];
  for (std::size_t i = 1; i < shape.size(); ++i) out.columns *= shape[i];
  return out;
}

class Linker {
 public:
  Linker(const FollowRequest& request, Diagnostics& diagnostics)
      : request_(request), diagnostics_(diagnostics) {
    for (const Phantom& phantom : request.phantoms) {
      const bool convolution = phantom.kind == Phantom::Kind::kPair
                                   ? pair_of(phantom).form == PairForm::kConvolution
                                   : phantom.shape.size() > 3;
      out_.sources.push_back(matrices_of(phantom.shape, convolution));
    }
  }

  LinkedOutputs run() {
    for (const PlannedTensor& output : request_.plan.outputs) link(output);
    divide_ranks();
    return std::move(out_);
  }

 private:
  const LoraPair& pair_of(const Phantom& phantom) const { return request_.adapter.pairs[phantom.index]; }
  bool is_pair(const Link& link) const { return request_.phantoms[link.source].kind == Phantom::Kind::kPair; }

  void fail(ErrorId id, const LoraPair& pair, std::string message, std::string hint = {}) {
    diagnostics_.add_once("", {Severity::kError,
                               id,
                               {"", 0, 0, {}, pair.prefix + module_of(pair), ""},
                               std::move(message),
                               std::move(hint)});
  }

  // Sorts an output's parts into pairs and tensors that stand for themselves, and finds its links.
  void link(const PlannedTensor& output) {
    std::set<std::uint32_t> sources;
    for (const auto& piece : copies_of(output.view)) sources.insert(piece.source);
    const LoraPair* pair = nullptr;
    const NamedView* whole = nullptr;
    for (const std::uint32_t source : sources) {
      const Phantom& phantom = request_.phantoms[source];
      if (phantom.kind == Phantom::Kind::kPair && pair == nullptr) pair = &pair_of(phantom);
      if (phantom.kind == Phantom::Kind::kWhole && whole == nullptr)
        whole = &request_.adapter.whole[phantom.index];
    }
    if (pair == nullptr) {
      if (whole != nullptr) out_.whole.push_back({output.key, output.view, output.transform, {}});
      return;
    }
    if (whole != nullptr)
      return refuse_product(*pair,
                            fmt::format("it is to be one tensor with {}, which the adapter has whole ({})",
                                        whole->key, output.key),
                            diagnostics_);
    LinkedOutput linked;
    linked.tensor = &output;
    linked.convolution = output.view.shape.size() > 3 ||
                         (output.view.shape.size() > 2 && pair->form == PairForm::kConvolution);
    linked.shape = matrices_of(output.view.shape, linked.convolution);
    auto links =
        output.view.shape.size() < 2 ? std::nullopt : factor_view(output.view, linked.shape, out_.sources);
    if (!links || cuts_a_matrix(*links))
      return refuse_product(*pair,
                            fmt::format("{} {} mixes rows and columns of what it is made of", output.key,
                                        to_string(output.view.shape)),
                            diagnostics_);
    linked.links = std::move(*links);
    out_.outputs.push_back(std::move(linked));
  }

  // A stack of parts of one matrix has one A for all of them, which a parameter's pair has not.
  static bool cuts_a_matrix(const std::vector<Link>& links) {
    std::map<std::pair<std::uint32_t, std::int64_t>, std::int64_t> batch_of;
    return std::any_of(links.begin(), links.end(), [&](const Link& link) {
      const auto [at, fresh] = batch_of.emplace(std::pair(link.source, link.source_batch), link.batch);
      return !fresh && at->second != link.batch;
    });
  }

  // ---- ranks
  // --------------------------------------------------------------------------------------------------

  struct LinkPlace {
    std::size_t output;
    std::size_t link;
  };

  const Link& at(const LinkPlace& place) const { return out_.outputs[place.output].links[place.link]; }

  // A pair that several tensors are made of gives each all of its ranks, or, on the way back, its own.
  void divide_ranks() {
    std::map<std::uint32_t, std::vector<LinkPlace>> by_source;
    for (std::size_t o = 0; o < out_.outputs.size(); ++o) {
      out_.outputs[o].blocks.resize(out_.outputs[o].links.size());
      for (std::size_t i = 0; i < out_.outputs[o].links.size(); ++i) {
        if (is_pair(out_.outputs[o].links[i])) by_source[out_.outputs[o].links[i].source].push_back({o, i});
      }
    }
    for (auto& [source, places] : by_source) {
      std::sort(places.begin(), places.end(), [&](const LinkPlace& a, const LinkPlace& b) {
        return std::pair(at(a).source_batch, at(a).first_source) <
               std::pair(at(b).source_batch, at(b).first_source);
      });
      divide(pair_of(request_.phantoms[source]), out_.sources[source], places);
    }
  }

  bool goes_back() const { return request_.plan.to == Layout::kOriginal; }

  void divide(const LoraPair& pair, const Matrices& shape, const std::vector<LinkPlace>& places) {
    std::map<std::int64_t, std::vector<LinkPlace>> by_batch;
    for (const auto& place : places) by_batch[at(place).source_batch].push_back(place);
    const bool several =
        std::any_of(by_batch.begin(), by_batch.end(), [](const auto& b) { return b.second.size() > 1; });
    const auto* const known = known_ranks(request_, pair.key);
    const bool whole = !several || is_read_twice(shape, by_batch) || (known != nullptr && known->size() == 1);
    const bool by_record = known != nullptr && known->size() == places.size() && known->size() > 1;
    if (!by_record && (whole || (!goes_back() && known == nullptr))) {
      for (const auto& place : places) out_.outputs[place.output].blocks[place.link] = {0, pair.rank};
      if (several) out_.ranks[pair.key] = {pair.rank};
      return;
    }
    std::size_t next = 0;
    for (const auto& [batch, of_batch] : by_batch) {
      std::vector<std::int64_t> ranks;
      for (std::size_t i = 0; i < of_batch.size(); ++i)
        ranks.push_back(by_record ? (*known)[next++]
                                  : pair.rank / static_cast<std::int64_t>(of_batch.size()));
      divide_batch(pair, batch, of_batch, ranks, by_record);
    }
    if (by_record) {
      out_.ranks[pair.key] = *known;
    } else {
      out_.ranks[pair.key].assign(places.size(),
                                  pair.rank / static_cast<std::int64_t>(by_batch.begin()->second.size()));
    }
  }

  // Two names of one tensor are no parts of it.
  bool is_read_twice(const Matrices& shape,
                     const std::map<std::int64_t, std::vector<LinkPlace>>& by_batch) const {
    return std::any_of(by_batch.begin(), by_batch.end(), [&](const auto& batch) {
      std::int64_t elements = 0;
      for (const auto& place : batch.second) elements += taken(at(place).rows) * taken(at(place).columns);
      return elements > shape.rows * shape.columns;
    });
  }

  void divide_batch(const LoraPair& pair, std::int64_t batch, const std::vector<LinkPlace>& places,
                    const std::vector<std::int64_t>& ranks, bool by_record) {
    std::int64_t sum = 0;
    for (const std::int64_t rank : ranks) sum += rank;
    if (sum > pair.rank || (!by_record && sum != pair.rank))
      return fail("adapter-ranks"_id, pair,
                  fmt::format("rank {} is not that of {} parts together{}", pair.rank, places.size(),
                              by_record ? fmt::format(", {} by the manifest", sum) : ""),
                  "It comes apart into parts of equal rank, or by the manifest that joined them.");
    const Factors& factors = pair.experts[static_cast<std::size_t>(batch)];
    std::vector<std::int64_t> extents = ranks;
    extents.push_back(pair.rank - sum);
    const auto lefts = cut(factors.left, 1, extents);
    const auto rights = cut(factors.right, 0, extents);
    View rest{factors.left.dtype, {}, {}};
    const auto add = [&](const std::vector<Piece>& pieces) {
      rest.pieces.insert(rest.pieces.end(), pieces.begin(), pieces.end());
    };
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      out_.outputs[places[i].output].blocks[places[i].link] = {begin, ranks[i]};
      begin += ranks[i];
      if (ranks[i] == 0) continue;
      add(rows_without_place(lefts[i], at(places[i]).rows));
      add(rows_without_place(transposed(rights[i]), at(places[i]).columns));
    }
    add(copies_of(lefts.back()));
    add(copies_of(rights.back()));
    if (!rest.pieces.empty())
      out_.conditions.push_back(
          {Condition::Kind::kApart, std::move(rest), 0, 0,
           fmt::format("{} comes apart into {}", pair.prefix + module_of(pair), parts_text(places))});
  }

  std::string parts_text(const std::vector<LinkPlace>& places) const {
    std::vector<std::string> keys;
    for (const auto& place : places) keys.push_back(out_.outputs[place.output].tensor->key);
    return join_some(keys, 3);
  }

  const FollowRequest& request_;
  Diagnostics& diagnostics_;
  LinkedOutputs out_;
};

}  // namespace

void refuse_product(const LoraPair& pair, const std::string& what, Diagnostics& diagnostics) {
  diagnostics.add_once("", {Severity::kError,
                            "adapter-no-product"_id,
                            {"", 0, 0, {}, pair.prefix + module_of(pair), ""},
                            what,
                            "No pair of matrices gives that. Merge the adapter into its base first: tenon "
                            "merge BASE ADAPTER OUT."});
}

const std::vector<std::int64_t>* known_ranks(const FollowRequest& request, const std::string& key) {
  if (request.known == nullptr) return nullptr;
  const auto found = request.known->ranks.find(key);
  return found == request.known->ranks.end() ? nullptr : &found->second;
}

LinkedOutputs link_outputs(const FollowRequest& request, Diagnostics& diagnostics) {
  return Linker(request, diagnostics).run();
}

}  // namespace tenon
