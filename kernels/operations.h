// The operands of every operation of the CUDA backend; included by backend.h. Shapes are given as [rows,
// columns]; T is tokens, H the hidden size, I the intermediate size, E experts. Weights are [out, in], as
// checkpoints keep them, unless `transposed` says [in, out]. `absolute` asks for the same sum over absolute
// values, |W||x| + |b|: the error bound's other half; it is honoured in the reference and fixed-order modes.
#pragma once

typedef struct {
  tenon_tensor x, out;
  /// same element count, any float dtypes
} tenon_cast_args;

// out[out_offset + i . out_strides] = x[x_offset + i . x_strides] for every index i below extents; offsets
// and strides in elements of one common size. Chunk, concat, reshape and transpose are copies of this kind.
typedef struct {
  tenon_tensor x, out;
  /// at most 8
  int32_t rank;
  int64_t extents[8], x_strides[8], out_strides[8], x_offset, out_offset;
} tenon_copy_args;

typedef struct {
  tenon_tensor ids /* I32 [T] */, table /* [V, H] */, out /* [T, H] */;
} tenon_embedding_args;

typedef struct {
  tenon_tensor x /* [T, K] */, weight /* [N, K] */, bias /* [N], optional */, out /* [T, N] */;
  int32_t transposed, absolute;
} tenon_linear_args;

// Direct convolution over [B, C, D, H, W]; a Conv2d has D = 1. P = output places of one image.
typedef struct {
  tenon_tensor x, weight /* [N, C, kd, kh, kw] */, bias /* [N], optional */;
  /// [B, N, od, oh, ow], or [B * P, N] with channels_last
  tenon_tensor out;
  int64_t stride[3], padding[3];
  int32_t channels_last, absolute;
} tenon_conv_args;

// Causal: out[b, t, c] = act(bias[c] + sum_j weight[c, j] x[b, t - (k - 1) + j, c]), x before the first token
// being 0.
typedef struct {
  tenon_tensor x /* [B, T, C] */, weight /* [C, k] */, bias /* [C], optional */, out /* [B, T, C] */;
  int32_t activation, absolute;
} tenon_depthwise_conv1d_args;

// rms_norm: x / sqrt(mean(x^2) + epsilon) * (weight + weight_offset); layer_norm subtracts the mean and adds
// the bias.
typedef struct {
  tenon_tensor x /* [T, H] */, weight /* [H], optional */, bias /* [H], optional, layer_norm only */, out;
  double epsilon, weight_offset;
} tenon_rms_norm_args;
typedef tenon_rms_norm_args tenon_layer_norm_args;

typedef struct {
  tenon_tensor x, out;
  int32_t activation;
} tenon_activation_args;
typedef struct {
  tenon_tensor x, y, out;
  int32_t activation;
  /// act(x) * y
} tenon_act_mul_args;
typedef struct {
  tenon_tensor x, y, out;
} tenon_add_args;
typedef tenon_add_args tenon_mul_args;

// act(gate) * up, where x [T, 2I] holds [gate | up], or gate and up column by column when interleaved.
typedef struct {
  tenon_tensor x, out /* [T, I] */;
  int32_t activation, interleaved;
} tenon_act_mul_halves_args;

// Rotates the first R = 2 * cos.shape[1] channels of each head. Half-split pairs (i, i + R/2); interleaved
// (2i, 2i + 1).
typedef struct {
  tenon_tensor x /* [T, heads, D] */, cos /* [T, R/2] */, sin /* [T, R/2] */, out;
  int32_t interleaved;
} tenon_rope_args;

// Query t of T stands at place t + S - T of the S keys. Query head h reads KV head h / (heads / kv_heads).
typedef struct {
  tenon_tensor q /* [T, heads, D] */, k, v /* [S, kv_heads, D] */, out /* [T, heads, D] */;
  double scale;
  int32_t causal;
  /// a query sees only its last `window` places, itself included; 0: all
  int64_t window;
  /// the softmax of q and k as they are, applied to |v|
  int32_t absolute;
} tenon_attention_args;

enum tenon_scoring { TENON_SOFTMAX = 0, TENON_SIGMOID = 1 };

// Top-k routing. Choice is by score + correction (ties: the lower expert), within the best `groups_kept` of
// `groups` equal groups, a group being worth its best choice, or the sum of its best two with group_top2.
// Weights are the scores without the correction, divided by their sum when normalise, times scale.
typedef struct {
  tenon_tensor logits /* [T, E] */, correction /* [E], optional */;
  tenon_tensor indices /* I32 [T, k] */, weights /* [T, k] */;
  int32_t scoring, normalise, groups, groups_kept, group_top2;
  double scale;
} tenon_route_args;

// out[t] = sum_j weights[t, j] * down_e(act(gate_e(x[t])) * up_e(x[t])) with e = indices[t, j], expert by
// expert.
typedef struct {
  tenon_tensor x /* [T, H] */, indices /* I32 [T, k] */, weights /* [T, k] */, out /* [T, H] */;
  /// host arrays of `count`: [I, H], [I, H], [H, I]
  const tenon_tensor *gate, *up, *down;
  int32_t count, activation;
} tenon_experts_args;

// The same on stacked weights; transposed: gate_up [E, H, 2I], down [E, I, H].
typedef struct {
  tenon_tensor x, indices, weights, gate_up /* [E, 2I, H] */, down /* [E, H, I] */, out;
  int32_t activation, interleaved, transposed;
} tenon_grouped_experts_args;

// Rows of the weight: all q heads, all k heads, all v heads; or, with by_kv_head, for each KV head its q
// heads, its k, its v. With cos and sin, q and k are rotated as by rope.
typedef struct {
  tenon_tensor x /* [T, K] */, weight, bias /* optional */, cos, sin /* optional */;
  tenon_tensor q /* [T, heads, D] */, k, v /* [T, kv_heads, D] */;
  int32_t by_kv_head, interleaved, transposed;
} tenon_qkv_linear_args;

typedef struct {
  tenon_tensor x /* [T, H] */, gate_up /* [2I, H] */, gate_up_bias, down /* [H, I] */, down_bias,
      out /* [T, H] */;
  int32_t activation, interleaved;
} tenon_gated_mlp_args;

typedef struct {
  tenon_tensor x /* [T, K] */, norm /* [K], optional */, weight /* [N, K] */, bias /* optional */,
      out /* [T, N] */;
  double epsilon, weight_offset;
} tenon_rms_norm_linear_args;

typedef struct {
  tenon_gated_mlp_args mlp;
  /// [H], optional
  tenon_tensor norm;
  double epsilon, weight_offset;
} tenon_rms_norm_mlp_args;

// A convolution whose stride is its kernel, as a linear over flattened patches (channel, depth, height,
// width).
typedef struct {
  tenon_tensor x /* [B, C, D, H, W] */, weight /* [N, C * pd * ph * pw] */, bias, out /* [B * P, N] */;
  int64_t patch[3];
} tenon_patch_linear_args;
