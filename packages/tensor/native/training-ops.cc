// Operations for training, as fused-ops.cc has them for inference: AdamW, backward passes, pictures cut into patches.
#include "attention-grad.h"
#include "gradients.h"
#include "op.h"
#include "patches.h"

namespace {

// parameter, gradient, mean, square (one shape), factors [6] -> the new parameter, mean and square
void AdamW(void*, TF_OpKernelContext* context) {
  Call call(context);
  for (int input = 1; input < 4; ++input)
    call.Check(call.ok() && call.Size(input) == call.Size(0), "all four must have one shape");
  call.Check(call.ok() && call.Size(4) == 6, "factors are decay, size, beta1, beta2, correction, epsilon");
  float *p = call.OutputLike(0, 0), *m = call.OutputLike(0, 1), *v = call.OutputLike(0, 2);
  if (!call.ok() || call.Size(0) == 0) return;
  const float* f = call.Data(4);
  ps3::AdamW(call.Data(0), call.Data(1), call.Data(2), call.Data(3), {f[0], f[1], f[2], f[3], f[4], f[5]}, p, m, v,
             call.Size(0));
}

// dy, x [..., C], weight [C] -> dx [..., C], gradients of weight and bias [2, C]
void LayerNormGrad(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(1) > 0 && call.Size(0) == call.Size(1), "dy must have x's shape");
  if (!call.ok()) return;
  const int64_t width = call.Dim(1, -1), dims[] = {2, width};
  call.Check(call.Size(2) == width, "weight must be as long as x's last axis");
  float *dx = call.OutputLike(1, 0), *sums = call.Output(dims, 2, 1);
  if (!call.ok() || call.Size(1) == 0) return;
  ps3::LayerNormGrad(call.Data(0), call.Data(1), call.Data(2), static_cast<Attributes*>(kernel)->eps, dx, sums,
                     call.Size(1) / width, width);
}

// dy, x [..., C], bias [C] -> dx [..., C], the bias's gradient [C]
void BiasGeluGrad(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(1) > 0 && call.Size(0) == call.Size(1), "dy must have x's shape");
  if (!call.ok()) return;
  const int64_t width = call.Dim(1, -1);
  call.Check(call.Size(2) == width, "bias must be as long as x's last axis");
  float *dx = call.OutputLike(1, 0), *sums = call.OutputLike(2, 1);
  if (!call.ok() || call.Size(1) == 0) return;
  const float *dy = call.Data(0), *x = call.Data(1), *bias = call.Data(2);
  const int64_t rows = call.Size(1) / width;
  if (static_cast<Attributes*>(kernel)->tanh) {
    ps3::BiasThenGrad([](ps3::Floats v) { return ps3::GeluTanhSlope(v); }, dy, x, bias, dx, sums, rows, width);
  } else {
    ps3::BiasThenGrad([](ps3::Floats v) { return ps3::GeluSlope(v); }, dy, x, bias, dx, sums, rows, width);
  }
}

// dy [B, N, C], qkv [B, N, 3C], bias [3C], prefix [B, M, 2C] as in SelfAttention -> gradients of qkv and of prefix
void SelfAttentionGrad(void* kernel, TF_OpKernelContext* context) {
  const int64_t heads = static_cast<Attributes*>(kernel)->heads;
  Call call(context);
  call.Check(call.ok() && call.Rank(1) == 3 && call.Rank(3) == 3, "qkv and prefix must have 3 dimensions");
  if (!call.ok()) return;
  const int64_t batch = call.Dim(1, 0), count = call.Dim(1, 1), width = call.Dim(1, 2) / 3, before = call.Dim(3, 1);
  call.Check(heads > 0 && call.Dim(1, 2) == width * 3 && width % heads == 0,
             "the last axis of qkv must be 3 * num_heads * head width");
  call.Check(call.Size(0) == batch * count * width, "dy must be a third of qkv");
  call.Check(call.Size(2) == width * 3, "bias must be as long as the last axis of qkv");
  call.Check(call.Dim(3, 0) == batch && call.Dim(3, 2) == width * 2, "prefix must be [batch, keys, 2/3 of qkv's width]");
  float *dqkv = call.OutputLike(1, 0), *dprefix = call.OutputLike(3, 1);
  if (!call.ok() || batch * count * width == 0) return;
  const float *dy = call.Data(0), *qkv = call.Data(1), *bias = call.Data(2), *prefix = call.Data(3);
  const bool done = ps3::AttentionGrad(batch, heads, width / heads, [=](int64_t b) {
    const float *own = qkv + b * count * width * 3, *cached = prefix + b * before * width * 2;
    float *to = dqkv + b * count * width * 3, *to_cached = dprefix + b * before * width * 2;
    const int64_t stride = width * 3, cached_stride = width * 2;
    return ps3::GradEntry{
        {{own, bias, count, stride},
         {{cached, nullptr, before, cached_stride}, {own + width, bias + width, count, stride}},
         {{cached + width, nullptr, before, cached_stride}, {own + width * 2, bias + width * 2, count, stride}},
         nullptr,
         0},
        dy + b * count * width,
        width,
        {to, count, stride},
        {{to_cached, before, cached_stride}, {to + width, count, stride}},
        {{to_cached + width, before, cached_stride}, {to + width * 2, count, stride}}};
  });
  call.Check(done, "out of memory");
}

// pictures [B, words of 4 bytes], sizes [height, width, patch], positions and weights [rows or columns, 4],
// affine [2, 3] (factors, shifts) -> [B, patches, 3 * patch * patch]
void ResizedPatches(void*, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 2 && call.Size(1) == 3 && call.Size(6) == 6, "pictures, sizes or affine");
  if (!call.ok()) return;
  const int32_t* sizes = call.Data<int32_t>(1);
  const int64_t height = sizes[0], width = sizes[1], patch = sizes[2], batch = call.Dim(0, 0);
  const int64_t rows = call.Size(2) / 4, columns = call.Size(3) / 4, bytes = call.Dim(0, 1) * 4;
  call.Check(patch > 0 && rows % patch == 0 && columns % patch == 0 && height * width * 3 <= bytes &&
                 call.Size(4) == rows * 4 && call.Size(5) == columns * 4,
             "sizes do not fit");
  if (!call.ok()) return;
  const auto within = [&](int input, int64_t limit) {
    const int32_t* at = call.Data<int32_t>(input);
    for (int64_t i = 0; i < call.Size(input); ++i)
      if (at[i] < 0 || at[i] >= limit) return false;
    return true;
  };
  call.Check(within(2, height) && within(3, width), "a position lies outside the picture");
  const int64_t dims[] = {batch, rows / patch * (columns / patch), 3 * patch * patch};
  float* out = call.Output(dims, 3);
  if (!call.ok()) return;
  const float* affine = call.Data(6);
  const ps3::PatchProblem problem{width, patch, rows / patch, columns / patch, call.Data<int32_t>(2),
                                  call.Data<int32_t>(3), call.Data(4), call.Data(5), affine, affine + 3};
  ps3::ResizedPatches(problem, call.Data<uint8_t>(0), bytes, batch, out);
}

__attribute__((constructor)) void RegisterTrainingOps() {
  Register("Ps3AdamW", {"parameter", "gradient", "mean", "square", "factors"}, {}, AdamW,
           {"new_parameter", "new_mean", "new_square"});
  Register("Ps3LayerNormGrad", {"dy", "x", "weight"}, {"eps: float"}, LayerNormGrad, {"dx", "sums"});
  Register("Ps3BiasGeluGrad", {"dy", "x", "bias"}, {"tanh: bool"}, BiasGeluGrad, {"dx", "dbias"});
  Register("Ps3SelfAttentionGrad", {"dy", "qkv", "bias", "prefix"}, {"num_heads: int"}, SelfAttentionGrad,
           {"dqkv", "dprefix"});
  Register("Ps3ResizedPatches",
           {"pictures: int32", "sizes: int32", "row_positions: int32", "column_positions: int32", "row_weights",
            "column_weights", "affine"},
           {}, ResizedPatches);
}

}  // namespace
