// rope, the QKV split and attention.
#include <cmath>

#include "kernels/tests/harness.h"

namespace {

Values rope_reference(const Values& x, const Values& cos, const Values& sin, int64_t tokens, int64_t heads,
                      int64_t width, int64_t half, bool interleaved) {
  Values out = x;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t i = 0; i < half; ++i) {
        int64_t start = (t * heads + head) * width;
        int64_t a = start + (interleaved ? 2 * i : i), b = start + (interleaved ? 2 * i + 1 : i + half);
        double c = cos[t * half + i], s = sin[t * half + i];
        out[a] = x[a] * c - x[b] * s;
        out[b] = x[b] * c + x[a] * s;
      }
  return out;
}

struct Tables {
  Tensor cos, sin;
};

Tables tables(Harness& h, int64_t tokens, int64_t half, int dtype) {
  Values cos, sin;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t i = 0; i < half; ++i) {
      double angle =
          static_cast<double>(t + 5) * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      cos.push_back(std::cos(angle)), sin.push_back(std::sin(angle));
    }
  return {h.make({tokens, half}, dtype, cos), h.make({tokens, half}, dtype, sin)};
}

void check_rope(Harness& h, const Setting& s, bool interleaved) {
  int64_t tokens = 7, heads = 3, width = 20, half = 8;
  Tensor x = h.random({tokens, heads, width}, s.dtype), out = h.result({tokens, heads, width}, s.dtype);
  Tables t = tables(h, tokens, half, TENON_F32);
  h.run(h.api().rope, s.mode, {x.device, t.cos.device, t.sin.device, out.device, interleaved});
  Values want = rope_reference(x.values, t.cos.values, t.sin.values, tokens, heads, width, half, interleaved);
  h.expect_near(interleaved ? "rope, interleaved" : "rope, half-split", out, want, s);
}

// The fused product against three products and two rotations: near the reference in every mode, bit-equal in
// fixed order.
void check_qkv(Harness& h, const Setting& s, int64_t tokens, bool by_kv_head, bool interleaved) {
  int64_t heads = 6, kv_heads = 2, width = 16, k = 136, group = heads / kv_heads;
  Tensor x = h.random({tokens, k}, s.dtype), weights[3], outs[3], fused[3];
  Tables t = tables(h, tokens, width / 2, TENON_F32);
  Values joined;
  int64_t counts[3] = {heads, kv_heads, kv_heads};
  for (int part = 0; part < 3; ++part) {
    weights[part] = h.random({counts[part] * width, k}, s.dtype);
    outs[part] = h.result({tokens, counts[part], width}, s.dtype);
    fused[part] = h.result({tokens, counts[part], width}, s.dtype);
    if (!by_kv_head) joined.insert(joined.end(), weights[part].values.begin(), weights[part].values.end());
  }
  for (int64_t kv = 0; by_kv_head && kv < kv_heads; ++kv)
    for (int part = 0; part < 3; ++part) {
      int64_t rows = (part == 0 ? group : 1) * width * k;
      joined.insert(joined.end(), weights[part].values.begin() + kv * rows,
                    weights[part].values.begin() + (kv + 1) * rows);
    }
  Tensor weight = h.make({(heads + 2 * kv_heads) * width, k}, s.dtype, joined);
  h.run(h.api().qkv_linear, s.mode,
        {x.device,
         weight.device,
         {},
         t.cos.device,
         t.sin.device,
         fused[0].device,
         fused[1].device,
         fused[2].device,
         by_kv_head,
         interleaved,
         0});
  for (int part = 0; part < 3; ++part) {
    int64_t n = counts[part] * width;
    Tensor product = h.result({tokens, n}, s.dtype);
    h.run(h.api().linear, s.mode, {x.device, weights[part].device, {}, product.device, 0, 0});
    product.device.rank = 3, product.device.shape[1] = counts[part], product.device.shape[2] = width;
    Values want = linear_reference(x.values, weights[part].values, {}, tokens, n, k);
    if (part < 2) {
      h.run(h.api().rope, s.mode,
            {product.device, t.cos.device, t.sin.device, outs[part].device, interleaved});
      want = rope_reference(want, t.cos.values, t.sin.values, tokens, counts[part], width, width / 2,
                            interleaved);
    } else {
      outs[part] = product;
    }
    std::string name = "qkv_linear" + std::string(by_kv_head ? " by KV head" : "") +
                       (interleaved ? ", interleaved" : "") + ", " + "qkv"[part] + " of " +
                       std::to_string(tokens) + " tokens";
    h.expect_near(name, fused[part], want, s, 2);
    if (s.mode == TENON_FIXED_ORDER) h.expect_same_bits(name + ", " + describe(s), fused[part], outs[part]);
  }
}

struct Case {
  int64_t queries, keys, heads, kv_heads, width, window;
  bool causal;
};
const Case kCases[] = {{1, 1, 4, 2, 64, 0, true},     {3, 70, 6, 2, 128, 0, true},
                       {257, 257, 4, 1, 64, 0, true}, {130, 257, 4, 2, 128, 40, true},
                       {64, 65, 2, 2, 64, 0, false},  {65, 65, 3, 3, 40, 9, true}};

Values attention_reference(const Case& c, const Values& q, const Values& k, const Values& v, double scale,
                           bool absolute) {
  Values out(c.queries * c.heads * c.width);
  for (int64_t i = 0; i < c.queries; ++i)
    for (int64_t head = 0; head < c.heads; ++head) {
      int64_t place = i + c.keys - c.queries, kv = head / (c.heads / c.kv_heads);
      double* to = &out[(i * c.heads + head) * c.width];
      double sum = 0;
      for (int64_t j = 0; j < c.keys; ++j) {
        if (c.causal && (j > place || (c.window && j <= place - c.window))) continue;
        double dot = 0;
        for (int64_t d = 0; d < c.width; ++d)
          dot += q[(i * c.heads + head) * c.width + d] * k[(j * c.kv_heads + kv) * c.width + d];
        double p = std::exp(dot * scale);
        sum += p;
        for (int64_t d = 0; d < c.width; ++d) {
          double value = v[(j * c.kv_heads + kv) * c.width + d];
          to[d] += p * (absolute ? std::fabs(value) : value);
        }
      }
      for (int64_t d = 0; d < c.width; ++d) to[d] /= sum;
    }
  return out;
}

void check_attention(Harness& h, const Case& c, const Setting& s) {
  double scale = 1 / std::sqrt(static_cast<double>(c.width));
  Tensor q = h.random({c.queries, c.heads, c.width}, s.dtype),
         k = h.random({c.keys, c.kv_heads, c.width}, s.dtype);
  Tensor v = h.random({c.keys, c.kv_heads, c.width}, s.dtype),
         out = h.result({c.queries, c.heads, c.width}, s.dtype);
  for (bool absolute : {false, true}) {
    h.run(h.api().attention, s.mode,
          {q.device, k.device, v.device, out.device, scale, c.causal, c.window, absolute});
    std::string name = "attention " + std::to_string(c.queries) + " x " + std::to_string(c.keys) + ", " +
                       std::to_string(c.heads) + "/" + std::to_string(c.kv_heads) + " heads of " +
                       std::to_string(c.width) + (absolute ? ", |v|" : "");
    h.expect_near(name, out, attention_reference(c, q.values, k.values, v.values, scale, absolute), s, 2);
  }
}

}  // namespace

void test_rope(Harness& h) {
  for (const Setting& s : kSettings)
    for (bool interleaved : {false, true}) {
      check_rope(h, s, interleaved);
      for (int64_t tokens : {1, 3, 64, 257})
        check_qkv(h, s, tokens, tokens % 2 == 0 || interleaved, interleaved);
      h.release();
    }
}

void test_attention(Harness& h) {
  for (const Case& c : kCases)
    for (const Setting& s : kSettings) {
      check_attention(h, c, s);
      h.release();
    }
}
