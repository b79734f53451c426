#include "adapters/follow_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "adapters/link_outputs.h"
#include "adapters/place_rows.h"
#include "adapters/read_pairs.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// In the numbers that PEFT has.
double scale_of(double alpha, std::int64_t rank, bool by_root) {
  const auto r = static_cast<double>(rank);
  return alpha / (by_root ? std::sqrt(r) : r);
}

class Follower {
 public:
  Follower(const FollowRequest& request, Diagnostics& diagnostics)
      : request_(request), diagnostics_(diagnostics), linked_(link_outputs(request, diagnostics)) {}

  FollowedAdapter run() {
    if (diagnostics_.has_errors()) return {};
    out_.whole = std::move(linked_.whole);
    out_.ranks = std::move(linked_.ranks);
    out_.conditions = std::move(linked_.conditions);
    for (const LinkedOutput& output : linked_.outputs) join(output);
    translate_conditions();
    return std::move(out_);
  }

 private:
  const LoraPair& pair_of(const Phantom& phantom) const { return request_.adapter.pairs[phantom.index]; }
  const Phantom& phantom_of(const Link& link) const { return request_.phantoms[link.source]; }
  bool is_pair(const Link& link) const { return phantom_of(link).kind == Phantom::Kind::kPair; }
  const LoraPair& pair_of(const Link& link) const { return pair_of(phantom_of(link)); }

  void fail(ErrorId id, const LoraPair& pair, std::string message, std::string hint = {}) {
    diagnostics_.add_once("", {Severity::kError,
                               id,
                               {"", 0, 0, {}, pair.prefix + module_of(pair), ""},
                               std::move(message),
                               std::move(hint)});
  }

  // ---- joining
  // ------------------------------------------------------------------------------------------------

  Factors placed(const LinkedOutput& output, std::size_t i) const {
    const Link& link = output.links[i];
    const RankBlock& block = output.blocks[i];
    const LoraPair& pair = pair_of(link);
    const Factors& all = pair.experts[static_cast<std::size_t>(link.source_batch)];
    const std::vector<std::int64_t> extents{block.begin, block.count, pair.rank - block.begin - block.count};
    const View left = cut(all.left, 1, extents)[1];
    const View right = transposed(cut(all.right, 0, extents)[1]);
    const View rows =
        place_rows({{&left, &link.rows}}, link.turned ? output.shape.columns : output.shape.rows);
    const View columns =
        place_rows({{&right, &link.columns}}, link.turned ? output.shape.rows : output.shape.columns);
    return link.turned ? Factors{columns, transposed(rows)} : Factors{rows, transposed(columns)};
  }

  std::vector<std::size_t> links_of(const LinkedOutput& output, std::int64_t batch) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < output.links.size(); ++i) {
      if (output.links[i].batch == batch && is_pair(output.links[i]) && output.blocks[i].count > 0)
        out.push_back(i);
    }
    return out;
  }

  void join(const LinkedOutput& output) {
    std::vector<std::size_t> all;
    for (std::int64_t b = 0; b < output.shape.batches; ++b) {
      const auto of_batch = links_of(output, b);
      all.insert(all.end(), of_batch.begin(), of_batch.end());
    }
    if (all.empty()) return;  // parts that had no pair on the way here
    FollowedPair made;
    const Link& first = output.links[all.front()];
    const LoraPair& some = pair_of(first);
    made.transform = output.tensor->transform;
    made.turned = first.turned;
    LoraPair& pair = made.pair;
    pair.key = output.tensor->key;
    pair.prefix = some.prefix;
    pair.shape = output.tensor->view.shape;
    pair.written = some.written;
    pair.rows_are_inputs = some.rows_are_inputs != first.turned;
    if (!set_form(output, all, pair)) return;
    for (const std::size_t i : all) {
      const std::size_t source = phantom_of(output.links[i]).index;
      if (std::find(made.sources.begin(), made.sources.end(), source) == made.sources.end())
        made.sources.push_back(source);
      const LoraPair& part = pair_of(output.links[i]);
      if (part.experts[0].left.dtype != some.experts[0].left.dtype ||
          part.experts[0].right.dtype != some.experts[0].right.dtype)
        return fail("adapter-unlike"_id, some,
                    fmt::format("its dtype is not that of {}, with which it becomes {}",
                                part.prefix + module_of(part), pair.key));
    }
    add_factors(output, all.size(), pair);
    if (!set_alpha(output, all, pair) || !add_vectors(output, all, pair)) return;
    out_.pairs.push_back(std::move(made));
  }

  bool set_form(const LinkedOutput& output, const std::vector<std::size_t>& all, LoraPair& pair) {
    const auto are = [&](PairForm form) {
      return std::all_of(all.begin(), all.end(),
                         [&](std::size_t i) { return pair_of(output.links[i]).form == form; });
    };
    if (output.convolution) {
      pair.form = PairForm::kConvolution;
    } else if (pair.shape.size() == 3 || !pair.key.ends_with(".weight")) {
      pair.form = PairForm::kParameter;
    } else if (are(PairForm::kEmbedding)) {
      pair.form = PairForm::kEmbedding;
    }
    for (const std::size_t i : all) {
      const Link& link = output.links[i];
      const bool other_side = (pair_of(link).rows_are_inputs != link.turned) != pair.rows_are_inputs;
      if (other_side ||
          (link.turned && (pair.form == PairForm::kConvolution || pair.form == PairForm::kEmbedding))) {
        refuse_product(pair_of(link),
                       fmt::format("{} has it transposed, and not alike with its other parts", pair.key),
                       diagnostics_);
        return false;
      }
    }
    if (pair.form == PairForm::kConvolution) pair.rows_are_inputs = false;
    return true;
  }

  void add_factors(const LinkedOutput& output, std::size_t parts, LoraPair& pair) {
    std::vector<std::vector<Factors>> by_batch;
    std::vector<std::int64_t> ranks;
    bool shared = false;
    for (std::int64_t b = 0; b < output.shape.batches; ++b) {
      const auto links = links_of(output, b);
      std::vector<Factors> factors;
      if (output.shape.batches == 1 && is_shared(output, links)) {
        factors.push_back(with_shared_a(output, links));
        shared = true;
      } else {
        for (const std::size_t i : links) factors.push_back(placed(output, i));
      }
      std::int64_t rank = 0;
      for (const auto& f : factors) rank += f.right.shape[0];
      pair.rank = std::max(pair.rank, rank);
      by_batch.push_back(std::move(factors));
    }
    for (std::size_t i = 0; i < output.links.size(); ++i)
      ranks.push_back(is_pair(output.links[i]) ? output.blocks[i].count : 0);
    const Factors& some =
        *std::find_if(by_batch.begin(), by_batch.end(), [](const auto& f) { return !f.empty(); })->begin();
    for (const auto& factors : by_batch)
      pair.experts.push_back(joined(factors, pair.rank, some, output.shape));
    if (shared) ranks = {pair.rank};
    if (parts > 1 || output.links.size() > 1) out_.ranks[pair.key] = ranks;
  }

  static Factors joined(const std::vector<Factors>& parts, std::int64_t rank, const Factors& some,
                        const Matrices& shape) {
    std::vector<View> lefts;
    std::vector<View> rights;
    std::int64_t sum = 0;
    for (const auto& part : parts) {
      lefts.push_back(part.left);
      rights.push_back(part.right);
      sum += part.right.shape[0];
    }
    if (sum < rank) {
      lefts.push_back(zero_view(some.left.dtype, {shape.rows, rank - sum}));
      rights.push_back(zero_view(some.right.dtype, {rank - sum, shape.columns}));
    }
    return {concatenate(lefts, 1), concatenate(rights, 0)};
  }

  // One A for all parts: by the manifest, or where their bytes are found to be equal.
  bool is_shared(const LinkedOutput& output, const std::vector<std::size_t>& links) const {
    if (links.size() < 2) return false;
    const auto* const known = known_ranks(request_, output.tensor->key);
    if (known != nullptr && known->size() > 1) return false;
    const Link& first = output.links[links.front()];
    const LoraPair& some = pair_of(first);
    for (const std::size_t i : links) {
      const Link& link = output.links[i];
      const LoraPair& pair = pair_of(link);
      const bool plain = pair.form == PairForm::kLinear && !link.turned && !pair.rows_are_inputs &&
                         output.blocks[i].begin == 0 && output.blocks[i].count == pair.rank;
      if (!plain || pair.rank != some.rank || link.columns != first.columns) return false;
      const View& a = pair.experts[0].right;
      const View& b = some.experts[0].right;
      if (a.dtype != b.dtype || a.shape != b.shape) return false;
    }
    if (known != nullptr) return true;
    return request_.same_bytes && std::all_of(links.begin(), links.end(), [&](std::size_t i) {
             return request_.same_bytes(some.inputs[0], pair_of(output.links[i]).inputs[0]);
           });
  }

  Factors with_shared_a(const LinkedOutput& output, const std::vector<std::size_t>& links) {
    Factors out = placed(output, links.front());
    std::vector<PlacedRows> rows;
    const LoraPair& some = pair_of(output.links[links.front()]);
    for (const std::size_t i : links) {
      const LoraPair& pair = pair_of(output.links[i]);
      rows.push_back({&pair.experts[0].left, &output.links[i].rows});
      if (&pair != &some)
        out_.conditions.push_back({Condition::Kind::kEqual,
                                   {},
                                   pair.inputs[0],
                                   some.inputs[0],
                                   fmt::format("the parts of {} share their A", output.tensor->key)});
    }
    out.left = place_rows(rows, output.shape.rows);
    return out;
  }

  // ---- what scales a pair ----

  bool set_alpha(const LinkedOutput& output, const std::vector<std::size_t>& all, LoraPair& pair) {
    const bool by_root = request_.config.scales_by_root();
    const LoraPair& some = pair_of(output.links[all.front()]);
    for (const std::size_t i : all) {
      const LoraPair& part = pair_of(output.links[i]);
      if (scale_of(part.alpha, part.rank, by_root) == scale_of(some.alpha, some.rank, by_root)) continue;
      fail("adapter-unlike"_id, some,
           fmt::format("alpha / rank is {} / {}, and {} / {} of {}, with which it becomes {}", some.alpha,
                       some.rank, part.alpha, part.rank, part.prefix + module_of(part), pair.key),
           "One pair has one scale: train them with one, or merge the adapter into its base first.");
      return false;
    }
    const auto alpha = alpha_for(some.alpha, some.rank, pair.rank, by_root);
    if (!alpha) {
      fail("adapter-unlike"_id, some,
           fmt::format("no alpha scales rank {} as {} does rank {}{}", pair.rank, some.alpha, some.rank,
                       by_root ? " (use_rslora)" : ""));
      return false;
    }
    pair.alpha = *alpha;
    return true;
  }

  // DoRA's magnitudes and lora_B's biases go with rows.
  bool add_vectors(const LinkedOutput& output, const std::vector<std::size_t>& all, LoraPair& pair) {
    for (const auto& [member, name] : {std::pair(&LoraPair::bias, "lora_B.bias"),
                                       std::pair(&LoraPair::magnitude, "lora_magnitude_vector")}) {
      std::vector<View> columns;
      const LoraPair* with = nullptr;
      for (const std::size_t i : all) {
        const LoraPair& part = pair_of(output.links[i]);
        if (part.*member) with = &part;
      }
      if (with == nullptr) continue;
      std::int64_t rows = 0;
      bool fits = pair.form == PairForm::kLinear && all.size() == output.links.size();
      for (const std::size_t i : all) {
        const Link& link = output.links[i];
        const LoraPair& part = pair_of(link);
        fits =
            fits && !link.turned && (part.*member).has_value() && taken(link.columns) == output.shape.columns;
        rows += taken(link.rows);
        if (fits) columns.push_back(reshape(*(part.*member), {(part.*member)->shape[0], 1}));
      }
      if (!fits || rows != output.shape.rows) {
        fail("adapter-unknown-tensor"_id, *with, fmt::format("{} has no {} for every row", pair.key, name),
             "It goes with rows, and is not carried through this. Merge the adapter into its base first.");
        return false;
      }
      std::vector<PlacedRows> parts;
      for (std::size_t i = 0; i < all.size(); ++i) parts.push_back({&columns[i], &output.links[all[i]].rows});
      pair.*member = reshape(place_rows(parts, output.shape.rows), {output.shape.rows});
    }
    return true;
  }

  // ---- conditions ----

  void translate_conditions() {
    for (const Condition& condition : request_.plan.conditions) {
      if (condition.kind == Condition::Kind::kEqual) {
        translate_equal(condition);
      } else {
        translate_zero(condition);
      }
    }
  }

  void translate_equal(const Condition& condition) {
    const Phantom& a = request_.phantoms[condition.first];
    const Phantom& b = request_.phantoms[condition.second];
    if (a.kind == Phantom::Kind::kAbsent && b.kind == Phantom::Kind::kAbsent) return;
    const auto inputs = [&](const Phantom& phantom) -> std::vector<std::uint32_t> {
      if (phantom.kind == Phantom::Kind::kAbsent) return {};
      return phantom.kind == Phantom::Kind::kPair ? pair_of(phantom).inputs
                                                  : request_.adapter.whole[phantom.index].inputs;
    };
    const auto of_a = inputs(a);
    const auto of_b = inputs(b);
    if (a.kind != b.kind || of_a.size() != of_b.size()) {
      diagnostics_.error("adapter-unlike"_id, {"", 0, 0, {}, "", ""},
                         fmt::format("{}: the adapter has the two in different forms", condition.why));
      return;
    }
    for (std::size_t i = 0; i < of_a.size(); ++i)
      out_.conditions.push_back({Condition::Kind::kEqual, {}, of_a[i], of_b[i], condition.why});
  }

  // Rows of a product are zero where those of its left factor are, columns where those of the right one are.
  void translate_zero(const Condition& condition) {
    std::map<std::uint32_t, std::vector<Piece>> by_source;
    for (const auto& piece : copies_of(condition.view)) by_source[piece.source].push_back(piece);
    for (auto& [source, pieces] : by_source) {
      const Phantom& phantom = request_.phantoms[source];
      if (phantom.kind == Phantom::Kind::kAbsent) continue;
      if (phantom.kind == Phantom::Kind::kWhole) {
        for (auto& piece : pieces) piece.source = request_.adapter.whole[phantom.index].inputs.front();
        out_.conditions.push_back(
            {condition.kind, {condition.view.dtype, condition.view.shape, pieces}, 0, 0, condition.why});
        continue;
      }
      for (auto& piece : pieces) {
        piece.output_offset = piece.source_offset;
        for (auto& loop : piece.loops) loop.output_stride = loop.source_stride;
      }
      const Matrices& shape = linked_.sources[source];
      const auto cut_off = factor_view({condition.view.dtype, phantom.shape, pieces}, shape, linked_.sources);
      const LoraPair& pair = pair_of(phantom);
      View zero{pair.experts[0].left.dtype, {}, {}};
      for (const Link& link : cut_off.value_or(std::vector<Link>{})) {
        const Factors& factors = pair.experts[static_cast<std::size_t>(link.batch)];
        const bool rows = taken(link.columns) == shape.columns;
        const auto found = rows ? rows_without_place(factors.left, others(link.rows))
                                : rows_without_place(transposed(factors.right), others(link.columns));
        if (!rows && taken(link.rows) != shape.rows) zero.shape = {0};
        zero.pieces.insert(zero.pieces.end(), found.begin(), found.end());
      }
      if (!cut_off || !zero.shape.empty()) {
        refuse_product(pair,
                       fmt::format("{} cuts off neither whole rows nor whole columns of it", condition.why),
                       diagnostics_);
        continue;
      }
      zero.shape = condition.view.shape;
      out_.conditions.push_back({condition.kind, std::move(zero), 0, 0, condition.why});
    }
  }

  static std::vector<std::int64_t> others(std::vector<std::int64_t> indices) {
    for (auto& index : indices) index = index >= 0 ? -1 : 0;
    return indices;
  }

  const FollowRequest& request_;
  Diagnostics& diagnostics_;
  LinkedOutputs linked_;
  FollowedAdapter out_;
};

}  // namespace

std::optional<double> alpha_for(double alpha, std::int64_t from, std::int64_t to, bool by_root) {
  const double wanted = scale_of(alpha, from, by_root);
  const double ratio = static_cast<double>(to) / static_cast<double>(from);
  const double near = alpha * (by_root ? std::sqrt(ratio) : ratio);
  const double rounded = std::round(near);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double candidate :
       {rounded, near, std::nextafter(near, kInfinity), std::nextafter(near, -kInfinity)}) {
    if (scale_of(candidate, to, by_root) == wanted) return candidate;
  }
  return std::nullopt;
}

FollowedAdapter follow_pairs(const FollowRequest& request, Diagnostics& diagnostics) {
  return Follower(request, diagnostics).run();
}

}  // namespace tenon
