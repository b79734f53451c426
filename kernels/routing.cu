// Top-k routing: scores, the choice of experts, their weights. One warp a token, its scores in shared memory.
//
// Bytes: the logits once. FLOPs: an exponential and about k comparisons per logit. The limit that binds is
// latency: k rounds of a warp-wide maximum. Every mode runs this kernel, in FP64 or FP32.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

constexpr int kWarps = 4;

struct Routing {
  Operand logits, correction, weights;
  int* indices;
  int64_t tokens;
  int experts, chosen, scoring, groups, groups_kept;
  bool normalise, group_top2;
  double scale;
};

template <class Acc>
__device__ __forceinline__ Acc warp_sum(Acc value) {
  for (int offset = 16; offset; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  return value;
}

// The largest of values[0 .. n), the lower place among equals; every lane receives the place.
template <class Acc>
__device__ int warp_argmax(const Acc* values, int n) {
  Acc best = -INFINITY;
  int place = n;
  for (int i = threadIdx.x % 32; i < n; i += 32)
    if (place == n || values[i] > best) best = values[i], place = i;
  for (int offset = 16; offset; offset /= 2) {
    Acc other = __shfl_xor_sync(~0u, best, offset);
    int other_place = __shfl_xor_sync(~0u, place, offset);
    bool better = other_place < n && (place == n || other > best || (other == best && other_place < place));
    if (better) best = other, place = other_place;
  }
  return place;
}

template <class Acc>
__device__ void score_experts(const Routing& r, int64_t token, Acc* scores) {
  int lane = threadIdx.x % 32;
  Acc largest = -INFINITY, sum = 0;
  for (int e = lane; e < r.experts; e += 32) {
    Acc logit = load<Acc>(r.logits, token * r.experts + e);
    scores[e] = r.scoring == TENON_SIGMOID ? sigmoid(logit) : logit;
    largest = fmax(largest, logit);
  }
  if (r.scoring == TENON_SIGMOID) return;
  for (int offset = 16; offset; offset /= 2) largest = fmax(largest, __shfl_xor_sync(~0u, largest, offset));
  for (int e = lane; e < r.experts; e += 32) sum += scores[e] = exp(scores[e] - largest);
  sum = warp_sum(sum);
  for (int e = lane; e < r.experts; e += 32) scores[e] /= sum;
}

// Leaves only the experts of the best groups to choose from.
template <class Acc>
__device__ void keep_best_groups(const Routing& r, Acc* choice, Acc* worth) {
  int lane = threadIdx.x % 32, size = r.experts / r.groups;
  for (int group = lane; group < r.groups; group += 32) {
    Acc first = -INFINITY, second = -INFINITY;
    for (int e = group * size; e < (group + 1) * size; ++e) {
      second = choice[e] > first ? first : fmax(second, choice[e]);
      first = fmax(first, choice[e]);
    }
    worth[group] = r.group_top2 ? first + second : first;
  }
  __syncwarp();
  uint64_t kept = 0;
  for (int round = 0; round < r.groups_kept; ++round) {
    int group = warp_argmax(worth, r.groups);
    kept |= uint64_t{1} << group;
    __syncwarp();
    if (lane == 0) worth[group] = -INFINITY;
    __syncwarp();
  }
  for (int e = lane; e < r.experts; e += 32)
    if (!(kept >> e / size & 1)) choice[e] = -INFINITY;
  __syncwarp();
}

template <class Acc>
__global__ void route_kernel(Routing r) {
  extern __shared__ double shared[];
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int64_t token = int64_t{blockIdx.x} * kWarps + warp;
  if (token >= r.tokens) return;
  Acc* scores = reinterpret_cast<Acc*>(shared) + warp * 3 * r.experts;
  Acc *choice = scores + r.experts, *worth = choice + r.experts;
  score_experts(r, token, scores);
  for (int e = lane; e < r.experts; e += 32)
    choice[e] = scores[e] + (r.correction.data ? load<Acc>(r.correction, e) : Acc(0));
  __syncwarp();
  if (r.groups_kept < r.groups) keep_best_groups(r, choice, worth);
  Acc sum = 0;
  for (int j = 0; j < r.chosen; ++j) {
    int expert = warp_argmax(choice, r.experts);
    __syncwarp();
    if (lane == 0) {
      choice[expert] = -INFINITY;
      r.indices[token * r.chosen + j] = expert;
      worth[j] = scores[expert];
    }
    __syncwarp();
    sum += worth[j];
  }
  Acc factor = static_cast<Acc>(r.scale) / (r.normalise ? sum : Acc(1));
  for (int j = lane; j < r.chosen; j += 32) store(r.weights, token * r.chosen + j, worth[j] * factor);
}

}  // namespace

void route(Context& context, int mode, const tenon_route_args& a) {
  require(a.logits.rank == 2 && a.indices.rank == 2 && a.indices.dtype == TENON_I32,
          "route: logits [T, E], I32 indices [T, k]");
  int64_t tokens = a.logits.shape[0], experts = a.logits.shape[1], chosen = a.indices.shape[1];
  require(a.indices.shape[0] == tokens && count(a.weights) == tokens * chosen,
          "route: indices or weights do not fit the logits");
  require(experts <= 1024 && chosen <= experts, "route: at most 1024 experts, at most all of them chosen");
  require(!a.correction.data || count(a.correction) == experts,
          "route: the correction does not fit the experts");
  int groups = std::max(a.groups, 1), kept = a.groups > 0 ? a.groups_kept : 1;
  require(groups <= 64 && experts % groups == 0 && kept >= 1 && kept <= groups &&
              chosen <= experts / groups * kept,
          "route: groups are more than 64, do not divide the experts, or hold fewer than are chosen");
  if (tokens == 0 || chosen == 0) return;
  Routing r{operand(a.logits),
            operand(a.correction),
            operand(a.weights),
            static_cast<int*>(a.indices.data),
            tokens,
            static_cast<int>(experts),
            static_cast<int>(chosen),
            a.scoring,
            groups,
            kept,
            a.normalise != 0,
            a.group_top2 != 0,
            a.scale};
  bool reference = mode == TENON_REFERENCE;
  size_t shared = kWarps * 3 * experts * (reference ? sizeof(double) : sizeof(float));
  auto kernel = reference ? route_kernel<double> : route_kernel<float>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "route");
  kernel<<<blocks_for(tokens, kWarps), 32 * kWarps, shared, context.stream>>>(r);
  check_launch("route");
}

}  // namespace tenon::cuda
