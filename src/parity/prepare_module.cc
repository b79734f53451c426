#include "parity/prepare_module.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/diagnostics.h"
#include "engine/hash.h"
#include "modules/module_names.h"
#include "parity/parallel_each.h"
#include "parity/tensor_bytes.h"

namespace tenon {
namespace {

// The tensor that the plan makes, as the converted checkpoint has it.
std::shared_ptr<const Bytes> read_fused(const PlannedTensor& planned, const Checkpoint& fused) {
  const Tensor* const tensor = fused.find(planned.key);
  const Place place{fused.directory.string(), 0, 0, {}, planned.key, ""};
  if (tensor == nullptr)
    throw UserError("parity-fused-differs"_id, place, "the fused checkpoint has no such tensor");
  if (tensor->dtype != planned.view.dtype || tensor->shape != planned.view.shape)
    throw UserError(
        "parity-fused-differs"_id, place,
        fmt::format("{} {}, where the plan makes {} {}", name_of(tensor->dtype), to_string(tensor->shape),
                    name_of(planned.view.dtype), to_string(planned.view.shape)));
  return TensorReader(fused).read(static_cast<std::size_t>(tensor - fused.tensors.data()));
}

class Preparation {
 public:
  explicit Preparation(const ModuleRequest& request) : request_(request) {}

  PreparedModule run() {
    ModuleResult& result = out_.result;
    result.program = request_.program.name;
    result.claims = request_.program.claims;
    result.rule = request_.program.rule;
    result.path = request_.instance.path;
    result.layer = layer_of(result.path);
    read_sources();
    take_original();
    take_fused();
    check_bytes();
    for (const auto output : request_.instance.unread) take_unread(output);
    return std::move(out_);
  }

 private:
  void read_sources() {
    for (const auto& [name, tensors] : request_.instance.original) {
      for (const auto tensor : tensors) sources_[tensor];
    }
    for (const auto& [name, outputs] : request_.instance.fused) {
      for (const auto output : outputs) {
        for (const auto source : sources_of(request_.plan.outputs[output].view)) sources_[source];
      }
    }
    const TensorReader reader(request_.original);
    std::vector<SourceBytes::iterator> all;
    for (auto i = sources_.begin(); i != sources_.end(); ++i) all.push_back(i);
    parallel_each(all.size(), [&](std::size_t i) { all[i]->second = reader.read(all[i]->first); });
  }

  // Every tensor of a side with its key, in order of names.
  static std::vector<HashedTensor> hashed(const ModuleWeights& weights) {
    std::vector<HashedTensor> out;
    std::vector<const Bytes*> bytes;
    for (const auto& [name, tensors] : weights) {
      for (const auto& tensor : tensors) {
        out.push_back({tensor.key, ""});
        bytes.push_back(tensor.bytes.get());
      }
    }
    tbb::parallel_for(std::size_t{0}, out.size(),
                      [&](std::size_t i) { out[i].hash = tensor_hash_of(*bytes[i]); });
    return out;
  }

  void take_original() {
    for (const auto& [name, tensors] : request_.instance.original) {
      for (const auto i : tensors) {
        const Tensor& tensor = request_.original.tensors[i];
        out_.original[name].push_back({tensor.key, tensor.dtype, tensor.shape, sources_.at(i)});
      }
    }
    out_.result.original_tensors = hashed(out_.original);
  }

  void take_fused() {
    for (const auto& weight : request_.instance.fused) {
      const auto& outputs = weight.second;
      auto& tensors = out_.fused[weight.first];
      tensors.resize(outputs.size());
      parallel_each(outputs.size(), [&](std::size_t i) {
        const PlannedTensor& planned = request_.plan.outputs[outputs[i]];
        tensors[i] = {planned.key, planned.view.dtype, planned.view.shape,
                      request_.fused == nullptr ? std::make_shared<const Bytes>(gather(planned, sources_))
                                                : read_fused(planned)};
      });
    }
    out_.result.fused_tensors = hashed(out_.fused);
  }

  std::shared_ptr<const Bytes> read_fused(const PlannedTensor& planned) const {
    return tenon::read_fused(planned, *request_.fused);
  }

  // What the program does not read must be what the plan makes all the same.
  void take_unread(std::uint32_t output) {
    UnreadWeight weight = check_by_bytes(output, request_.original, request_.plan, request_.fused);
    if (weight.differs) out_.result.bytes_differ.push_back(weight.key);
    out_.result.unread.push_back(std::move(weight));
  }

  // --- check 1
  // ---------------------------------------------------------------------------------------------------

  // A fused tensor's elements that came from one source.
  struct Share {
    const Bytes* fused;
    std::size_t element_size;
    std::vector<Piece> pieces;
  };

  // Forward: the fused weights are what the plan makes of the original ones. Back: put where they came from,
  // they are the original ones.
  void check_bytes() {
    std::map<std::uint32_t, std::vector<Share>> shares;
    for (const auto& [name, outputs] : request_.instance.fused) {
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const PlannedTensor& planned = request_.plan.outputs[outputs[i]];
        const Bytes& bytes = *out_.fused.at(name)[i].bytes;
        if (!gathered(planned.view, sources_, bytes)) out_.result.bytes_differ.push_back(planned.key);
        out_.result.bytes_compared += bytes.size();
        std::map<std::uint32_t, std::vector<Piece>> by_source;
        for (auto& piece : cut_pieces(planned.view)) by_source[piece.source].push_back(std::move(piece));
        for (auto& [source, pieces] : by_source)
          shares[source].push_back(
              {&bytes, static_cast<std::size_t>(bits_of(planned.view.dtype) / 8), std::move(pieces)});
      }
    }
    check_way_back(shares);
  }

  void check_way_back(const std::map<std::uint32_t, std::vector<Share>>& shares) {
    std::vector<std::uint32_t> order;
    for (const auto& [source, parts] : shares) order.push_back(source);
    std::vector<char> differ(order.size(), 0);
    tbb::parallel_for(std::size_t{0}, order.size(), [&](std::size_t i) {
      differ[i] = came_back(*sources_.at(order[i]), shares.at(order[i])) ? 0 : 1;
    });
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (differ[i] != 0)
        out_.result.bytes_differ.push_back(request_.original.tensors[order[i]].key + " (as it comes back)");
    }
  }

  // The way back starts from the complement of the original bytes, so that one that is never written shows.
  static bool came_back(const Bytes& source, const std::vector<Share>& shares) {
    std::uint64_t covered = 0;
    for (const auto& share : shares) {
      for (const auto& piece : share.pieces)
        covered += static_cast<std::uint64_t>(element_count(piece)) * share.element_size;
    }
    // A tensor of which only a part goes into this module is not whole on the way back.
    if (covered != source.size()) return true;
    Bytes back(source.size());
    std::transform(source.begin(), source.end(), back.begin(), [](std::byte byte) { return ~byte; });
    for (const auto& share : shares) scatter(share.pieces, share.element_size, *share.fused, back);
    return std::memcmp(back.data(), source.data(), source.size()) == 0;
  }

  const ModuleRequest& request_;
  PreparedModule out_;
  SourceBytes sources_;
};

}  // namespace

UnreadWeight check_by_bytes(std::uint32_t output, const Checkpoint& original, const Plan& plan,
                            const Checkpoint* fused) {
  const PlannedTensor& planned = plan.outputs[output];
  SourceBytes sources;
  const TensorReader reader(original);
  for (const auto source : sources_of(planned.view)) sources[source] = reader.read(source);
  UnreadWeight out{planned.key, planned.bytes, false};
  if (bits_of(planned.view.dtype) % 8 != 0) return out;
  if (fused == nullptr) {
    out.differs = !gathered(planned.view, sources, gather(planned, sources));
  } else {
    out.differs = !gathered(planned.view, sources, *read_fused(planned, *fused));
  }
  return out;
}

PreparedModule prepare_module(const ModuleRequest& request) {
  return Preparation(request).run();
}

std::uint64_t bytes_of(const ModuleRequest& request) {
  std::uint64_t out = 0;
  for (const auto& [name, outputs] : request.instance.fused) {
    for (const auto output : outputs) out += 2 * request.plan.outputs[output].bytes;
  }
  return out;
}

}  // namespace tenon
