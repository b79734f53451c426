// The backend's operations on this side of the ABI, one for each entry of the table, and the pieces they
// share. All queue work on the context's stream and throw Failure.
#pragma once

#include <algorithm>

#include "kernels/context.h"

namespace tenon::cuda {

void cast(Context&, int mode, const tenon_cast_args&);
void copy(Context&, int mode, const tenon_copy_args&);
void embedding(Context&, int mode, const tenon_embedding_args&);
void linear(Context&, int mode, const tenon_linear_args&);
void conv(Context&, int mode, const tenon_conv_args&);
void depthwise_conv1d(Context&, int mode, const tenon_depthwise_conv1d_args&);
void rms_norm(Context&, int mode, const tenon_rms_norm_args&);
void layer_norm(Context&, int mode, const tenon_layer_norm_args&);
void activation(Context&, int mode, const tenon_activation_args&);
void act_mul(Context&, int mode, const tenon_act_mul_args&);
void act_mul_halves(Context&, int mode, const tenon_act_mul_halves_args&);
void add(Context&, int mode, const tenon_add_args&);
void mul(Context&, int mode, const tenon_mul_args&);
void rope(Context&, int mode, const tenon_rope_args&);
void attention(Context&, int mode, const tenon_attention_args&);
void route(Context&, int mode, const tenon_route_args&);
void experts(Context&, int mode, const tenon_experts_args&);
void qkv_linear(Context&, int mode, const tenon_qkv_linear_args&);
void gated_mlp(Context&, int mode, const tenon_gated_mlp_args&);
void rms_norm_linear(Context&, int mode, const tenon_rms_norm_linear_args&);
void rms_norm_mlp(Context&, int mode, const tenon_rms_norm_mlp_args&);
void grouped_experts(Context&, int mode, const tenon_grouped_experts_args&);
void patch_linear(Context&, int mode, const tenon_patch_linear_args&);

// linear in the reference and fixed-order modes: each output is one sum in ascending k.
void ordered_linear(Context&, int mode, const tenon_linear_args&);
// linear by cuBLASLt.
void library_linear(Context&, const tenon_linear_args&);

// A linear over a gate_up weight with the activation in its epilogue, or a plain one.
struct FusedLinear {
  tenon_tensor x, weight, bias, out;
  /// out = act(x W[:I]^T) * (x W[I:]^T)
  bool gated = false;
  int activation = TENON_IDENTITY;
};
/// At most 8 tokens, BF16 or FP16, rows of 16 bytes.
bool decode_linear_fits(const Context&, const FusedLinear&);
void decode_linear(Context&, const FusedLinear&);

// Rows of experts sorted by expert: device arrays made by sort_by_expert.
struct ExpertRows {
  int experts = 0;
  int64_t rows = 0;
  /// [rows]: which (token, choice) pair stands at each sorted place
  const int* order = nullptr;
  /// [rows]: where each pair went
  const int* position = nullptr;
  /// [experts + 1]: first sorted row of each expert
  const int* offsets = nullptr;
  /// {expert, first row, end row, 0} of each tile of 128 rows
  const int4* tiles = nullptr;
  const int* tile_count = nullptr;
};
ExpertRows sort_by_expert(Context&, const tenon_tensor& indices, int experts);
// out[t] = sum_j weights[t, j] * y[position[t, j]], in ascending j.
void combine_experts(Context&, int mode, const ExpertRows&, const tenon_tensor& weights,
                     const tenon_tensor& y, const tenon_tensor& out);

// By Hopper's warpgroup matrix instructions: dense, or with `groups` one weight of the stack [E, N, K] for
// each expert's rows.
bool hopper_linear_fits(const Context&, const FusedLinear&);
void hopper_linear(Context&, const FusedLinear&, const ExpertRows* groups = nullptr);

// out[row] = table[ids[row] / divide]
void gather_rows(Context&, const int* ids, int divide, const tenon_tensor& table, const tenon_tensor& out);

}  // namespace tenon::cuda
