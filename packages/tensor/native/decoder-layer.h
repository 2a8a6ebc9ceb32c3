// A whole layer of a decoder for a few tokens that follow a cache. As single operations, more than half of a step of
// generation passes between the matrix products.
#pragma once
#include "decoder.h"
#include "few-queries.h"
#include "matvec.h"

namespace ps3 {

// R tokens of width hidden; D width of a head; K heads of keys and values.
template <typename Weights>
struct DecoderLayerProblem {
  int64_t rows, hidden, inner, heads, kv_heads, width;
  float eps;
  const float *x, *cos, *sin;           // [R, hidden], [R, D / 2]
  Rows before[2];                       // keys | values seen before, the earlier ones first: [tokens, 2KD]
  const float *input_norm, *mlp_norm;   // [hidden]
  const float *q_bias, *k_bias, *v_bias;
  Weights q, k, v, o, gate, up, down;
  float *out, *recent;                  // [R, hidden]; the later ones seen before and those of x [tokens + R, 2KD]
};

// False when memory is short.
template <typename Weights>
static bool DecoderLayer(const DecoderLayerProblem<Weights>& p) {
  static thread_local Scratch scratch;
  const float* no_bias = nullptr;
  const int64_t rows = p.rows, q_width = p.heads * p.width, kv_width = p.kv_heads * p.width;
  float* normed = scratch.Get(rows * 2 * (p.hidden + q_width + kv_width + p.inner));
  if (!normed) return false;
  float *residual = normed + rows * p.hidden, *q = residual + rows * p.hidden, *turned = q + rows * q_width;
  float *k = turned + rows * q_width, *v = k + rows * kv_width;
  float *gate = v + rows * kv_width, *up = gate + rows * p.inner;

  RmsNorm(p.x, p.input_norm, normed, rows, p.hidden, p.eps);
  if (!FewRows(p.q, normed, p.q_bias, q, rows, q_width) || !FewRows(p.k, normed, p.k_bias, k, rows, kv_width) ||
      !FewRows(p.v, normed, p.v_bias, v, rows, kv_width))
    return false;
  float* own = p.recent + p.before[1].count * 2 * kv_width;
  if (p.before[1].count > 0) std::memcpy(p.recent, p.before[1].data, (own - p.recent) * sizeof(float));
  Rotary(q, p.cos, p.sin, turned, q_width, rows, p.heads, p.width / 2);
  Rotary(k, p.cos, p.sin, own, 2 * kv_width, rows, p.kv_heads, p.width / 2);
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(own + (2 * r + 1) * kv_width, v + r * kv_width, kv_width * sizeof(float));

  const int64_t past = p.before[0].count + p.before[1].count;
  AttentionProblem attention{1, p.heads, p.kv_heads, p.width, {}, true, past};
  attention.entry = [&](int64_t) {
    AttentionProblem::Entry entry{{turned, nullptr, rows, q_width}, {}, {}, q, q_width};
    entry.k[0] = entry.v[0] = p.before[0];
    entry.k[1] = entry.v[1] = {p.recent, nullptr, p.before[1].count + rows, 2 * kv_width};
    for (int i = 0; i < 2; ++i) entry.v[i].data += kv_width;
    return entry;
  };
  FewQueries(attention);

  if (!FewRows(p.o, q, no_bias, residual, rows, p.hidden)) return false;
  Add(p.x, residual, residual, rows * p.hidden);
  RmsNorm(residual, p.mlp_norm, normed, rows, p.hidden, p.eps);
  if (!FewRows(p.gate, normed, no_bias, gate, rows, p.inner) ||
      !FewRows(p.up, normed, no_bias, up, rows, p.inner))
    return false;
  SiluMul(gate, up, gate, rows * p.inner);
  if (!FewRows(p.down, gate, no_bias, p.out, rows, p.hidden)) return false;
  Add(p.out, residual, p.out, rows * p.hidden);
  return true;
}

}  // namespace ps3
