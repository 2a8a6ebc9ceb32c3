// Fused operations of a vision transformer for TensorFlow's CPU device, through TensorFlow's C API: they register when
// this library is loaded. Float32 only. Shapes: B batch, N queries, M keys before or of the queries, C width.
#include "attention.h"
#include "elementwise.h"
#include "few-queries.h"
#include "op.h"

namespace {

// qkv [B, N, 3C] (q | k | v), bias [3C], prefix [B, M, 2C] (k | v, bias included) -> [B, N, C]
void SelfAttention(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 3 && call.Rank(2) == 3, "qkv and prefix must have 3 dimensions");
  if (!call.ok()) return;
  const int64_t batch = call.Dim(0, 0), count = call.Dim(0, 1), width = call.Dim(0, 2) / 3, before = call.Dim(2, 1);
  call.Check(attributes.heads > 0 && call.Dim(0, 2) == width * 3 && width % attributes.heads == 0,
             "the last axis of qkv must be 3 * num_heads * head width");
  call.Check(call.Size(1) == width * 3, "bias must be as long as the last axis of qkv");
  call.Check(call.Dim(2, 0) == batch && call.Dim(2, 2) == width * 2, "prefix must be [batch, keys, 2/3 of qkv's width]");
  const int64_t dims[] = {batch, count, width};
  float* out = call.Output(dims, 3);
  if (!call.ok() || batch * count * width == 0) return;
  const float *qkv = call.Data(0), *bias = call.Data(1), *prefix = call.Data(2);
  ps3::AttentionProblem problem{batch, attributes.heads, attributes.heads, width / attributes.heads, {}, false, 0};
  problem.entry = [=](int64_t b) {
    const float *own = qkv + b * count * width * 3, *cached = prefix + b * before * width * 2;
    return ps3::AttentionProblem::Entry{
        {own, bias, count, width * 3},
        {{cached, nullptr, before, width * 2}, {own + width, bias + width, count, width * 3}},
        {{cached + width, nullptr, before, width * 2}, {own + width * 2, bias + width * 2, count, width * 3}},
        out + b * count * width,
        width};
  };
  call.Check(ps3::Attention(problem), "out of memory");
}

// q [B, N, C], k and v [B, M, kv_heads * C / heads], and before them the first `prefixes` of early and late
// [B, P, 2 * kv_heads * C / heads] (k | v) -> [B, N, C]
void Attention(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 3 && call.Rank(1) == 3 && call.Rank(2) == 3,
             "q, k and v must have 3 dimensions");
  if (!call.ok()) return;
  const int64_t batch = call.Dim(0, 0), count = call.Dim(0, 1), width = call.Dim(0, 2), keys = call.Dim(1, 1);
  call.Check(attributes.heads > 0 && attributes.kv_heads > 0 && width % attributes.heads == 0 &&
                 attributes.heads % attributes.kv_heads == 0,
             "heads must divide the width and be a multiple of num_kv_heads");
  if (!call.ok()) return;
  const int64_t kv_width = width / attributes.heads * attributes.kv_heads;
  for (int input = 1; input < 3; ++input) {
    call.Check(call.Dim(input, 0) == batch && call.Dim(input, 1) == keys && call.Dim(input, 2) == kv_width,
               "k and v must be [batch, keys, num_kv_heads * head width]");
  }
  ps3::Rows prefixes[2] = {};
  for (int i = 0; i < attributes.prefixes && i < 2; ++i) {
    const int input = 3 + i;
    call.Check(call.Rank(input) == 3 && call.Dim(input, 0) == batch && call.Dim(input, 2) == 2 * kv_width,
               "prefixes must be [batch, keys, 2 * num_kv_heads * head width]");
    if (!call.ok()) return;
    prefixes[i] = {call.Data(input), nullptr, call.Dim(input, 1), 2 * kv_width};
  }
  const int64_t dims[] = {batch, count, width};
  float* out = call.Output(dims, 3);
  if (!call.ok() || batch * count * width == 0) return;
  const float *q = call.Data(0), *k = call.Data(1), *v = call.Data(2);
  ps3::AttentionProblem problem{batch, attributes.heads,      attributes.kv_heads, width / attributes.heads,
                                {},    attributes.causal != 0, attributes.causal_offset};
  problem.entry = [=](int64_t b) {
    ps3::AttentionProblem::Entry entry{{q + b * count * width, nullptr, count, width}, {}, {}, out + b * count * width, width};
    for (int i = 0; i < 2; ++i) {
      entry.k[i] = entry.v[i] = prefixes[i];
      entry.k[i].data += b * prefixes[i].count * prefixes[i].stride;
      entry.v[i].data = entry.k[i].data + kv_width;
    }
    entry.k[2] = {k + b * keys * kv_width, nullptr, keys, kv_width};
    entry.v[2] = {v + b * keys * kv_width, nullptr, keys, kv_width};
    return entry;
  };
  if (count * (attributes.heads / attributes.kv_heads) < ps3::kFewQueries) ps3::FewQueries(problem);
  else call.Check(ps3::Attention(problem), "out of memory");
}

// x [..., C], weight [C], bias [C] -> [..., C]
void LayerNorm(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) > 0, "x must have an axis");
  if (!call.ok()) return;
  const int64_t width = call.Dim(0, -1);
  call.Check(call.Size(1) == width && call.Size(2) == width, "weight and bias must be as long as x's last axis");
  float* out = call.OutputLike(0);
  if (!call.ok() || call.Size(0) == 0) return;
  ps3::LayerNorm(call.Data(0), call.Data(1), call.Data(2), out, call.Size(0) / width, width,
                 static_cast<Attributes*>(kernel)->eps);
}

// gelu(x + bias): x [..., C], bias [C] -> [..., C]
void BiasGelu(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) > 0, "x must have an axis");
  if (!call.ok()) return;
  const int64_t width = call.Dim(0, -1);
  call.Check(call.Size(1) == width, "bias must be as long as x's last axis");
  float* out = call.OutputLike(0);
  if (!call.ok() || call.Size(0) == 0) return;
  const int64_t rows = call.Size(0) / width;
  if (static_cast<Attributes*>(kernel)->tanh) {
    ps3::BiasThen([](ps3::Floats x) { return ps3::GeluTanh(x); }, call.Data(0), call.Data(1), out, rows, width);
  } else {
    ps3::BiasThen([](ps3::Floats x) { return ps3::Gelu(x); }, call.Data(0), call.Data(1), out, rows, width);
  }
}

// TensorFlow aborts when a name is registered twice; a library's constructors run once per process.
__attribute__((constructor)) void RegisterAll() {
  Register("Ps3SelfAttention", {"qkv", "bias", "prefix"}, {"num_heads: int"}, SelfAttention);
  Register("Ps3Attention", {"q", "k", "v", "early", "late"},
           {"num_heads: int", "num_kv_heads: int", "causal: bool", "causal_offset: int", "prefixes: int"}, Attention);
  Register("Ps3LayerNorm", {"x", "weight", "bias"}, {"eps: float"}, LayerNorm);
  Register("Ps3BiasGelu", {"x", "bias"}, {"tanh: bool"}, BiasGelu);
}

}  // namespace
