// What training does element by element and row by row: AdamW's step, and the backward passes of LayerNorm and of GELU
// after a bias, each in one pass over memory.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "elementwise.h"

namespace ps3 {

struct AdamWFactors {
  float decay, size, beta1, beta2, correction, epsilon;
};

constexpr int64_t kElementsPerTask = 1 << 14;

// Calls body(i, n) for every stretch of n <= 8 elements, many to a task.
template <typename Body>
static void ForElements(int64_t size, const Body& body) {
  Pool::Get().For((size + kElementsPerTask - 1) / kElementsPerTask, [&](int64_t task) {
    const int64_t end = std::min(size, (task + 1) * kElementsPerTask);
    for (int64_t i = task * kElementsPerTask; i < end; i += kLanes)
      body(i, static_cast<int>(std::min<int64_t>(kLanes, end - i)));
  });
}

static void AdamW(const float* p, const float* g, const float* m, const float* v, const AdamWFactors& f, float* new_p,
                  float* new_m, float* new_v, int64_t size) {
  const Floats decay = Splat(f.decay), step = Splat(f.size), correction = Splat(f.correction), epsilon = Splat(f.epsilon);
  const Floats keep1 = Splat(f.beta1), take1 = Splat(1.f - f.beta1), keep2 = Splat(f.beta2), take2 = Splat(1.f - f.beta2);
  ForElements(size, [=](int64_t i, int n) {
    const bool whole = n == kLanes;
    const auto load = [&](const float* from) { return whole ? Load(from + i) : LoadPart(from + i, n); };
    const auto store = [&](float* to, Floats x) { whole ? Store(to + i, x) : StorePart(to + i, x, n); };
    const Floats gradient = load(g);
    const Floats mean = load(m) * keep1 + gradient * take1;
    const Floats square = load(v) * keep2 + gradient * gradient * take2;
    Floats root = square;
    for (int lane = 0; lane < kLanes; ++lane) root[lane] = std::sqrt(square[lane]);
    store(new_m, mean);
    store(new_v, square);
    store(new_p, load(p) * decay - mean * step / (root * correction + epsilon));
  });
}

// Sums over rows go through at most this many parts, in a fixed order: the same bits whatever the threads do.
constexpr int64_t kRowParts = 16;

// Calls body(first, end, part) for each part of the rows, and adds the parts' sums [parts][count] up in `out` [count].
template <typename Body>
static void SumOverRows(int64_t rows, int64_t count, float* out, const Body& body) {
  const int64_t parts = std::max<int64_t>(1, std::min(kRowParts, rows / kRowsPerTask));
  const int64_t stride = (count + kLanes - 1) / kLanes * kLanes;
  std::vector<float> sums(parts * stride, 0.f);
  Pool::Get().For(parts, [&](int64_t part) {
    body(part * rows / parts, (part + 1) * rows / parts, sums.data() + part * stride);
  });
  for (int64_t part = 1; part < parts; ++part)
    for (int64_t i = 0; i < count; ++i) sums[i] += sums[part * stride + i];
  std::copy(sums.begin(), sums.begin() + count, out);
}

// dy, x, dx [rows, width]; `sums` [2, width] gets the gradients of weight and bias.
static void LayerNormGrad(const float* dy, const float* x, const float* weight, float eps, float* dx, float* sums,
                          int64_t rows, int64_t width) {
  SumOverRows(rows, 2 * width, sums, [=](int64_t first, int64_t end, float* part) {
    float *to_weight = part, *to_bias = part + width;
    const float share = 1.f / width;
    for (int64_t row = first; row < end; ++row) {
      const float *in = x + row * width, *up = dy + row * width;
      float* out = dx + row * width;
      const int64_t whole = width / kLanes * kLanes;
      Floats sum = {};
      for (int64_t i = 0; i < whole; i += kLanes) sum += Load(in + i);
      float mean = Sum(sum);
      for (int64_t i = whole; i < width; ++i) mean += in[i];
      mean *= share;
      Floats squares = {};
      for (int64_t i = 0; i < whole; i += kLanes) {
        const Floats d = Load(in + i) - Splat(mean);
        squares += d * d;
      }
      float variance = Sum(squares);
      for (int64_t i = whole; i < width; ++i) variance += (in[i] - mean) * (in[i] - mean);
      const float inverse = 1.f / std::sqrt(variance * share + eps);
      Floats sum_g = {}, sum_gn = {};
      for (int64_t i = 0; i < whole; i += kLanes) {
        const Floats d = Load(up + i), n = (Load(in + i) - Splat(mean)) * Splat(inverse), g = d * Load(weight + i);
        sum_g += g;
        sum_gn += g * n;
        Store(to_weight + i, Load(to_weight + i) + d * n);
        Store(to_bias + i, Load(to_bias + i) + d);
      }
      float mean_g = Sum(sum_g), mean_gn = Sum(sum_gn);
      for (int64_t i = whole; i < width; ++i) {
        const float n = (in[i] - mean) * inverse, g = up[i] * weight[i];
        mean_g += g;
        mean_gn += g * n;
        to_weight[i] += up[i] * n;
        to_bias[i] += up[i];
      }
      mean_g *= share;
      mean_gn *= share;
      for (int64_t i = 0; i < whole; i += kLanes) {
        const Floats n = (Load(in + i) - Splat(mean)) * Splat(inverse);
        Store(out + i, Splat(inverse) * (Load(up + i) * Load(weight + i) - Splat(mean_g) - n * Splat(mean_gn)));
      }
      for (int64_t i = whole; i < width; ++i) {
        const float n = (in[i] - mean) * inverse;
        out[i] = inverse * (up[i] * weight[i] - mean_g - n * mean_gn);
      }
    }
  });
}

// Phi(x) + x phi(x), with Phi as in Gelu.
static inline Floats GeluSlope(Floats x) {
  const Floats size = Abs(x);
  const Floats t = Splat(1.f) / (Splat(1.f) + size * Splat(0.3275911f * 0.70710678f));
  Floats p = Splat(1.061405429f);
  p = p * t + Splat(-1.453152027f);
  p = p * t + Splat(1.421413741f);
  p = p * t + Splat(-0.284496736f);
  p = p * t + Splat(0.254829592f);
  const Floats power = Exp2(x * x * Splat(-0.5f * kLog2E));
  const Floats tail = Splat(0.5f) * p * t * power;
  const Floats cdf = x > Floats{} ? Splat(1.f) - tail : tail;
  return cdf + x * power * Splat(0.3989422804f);
}

// With s = 1 / (1 + exp(-2 u)): s + x s (1 - s) 2 u'.
static inline Floats GeluTanhSlope(Floats x) {
  const Floats u = x * (Splat(1.f) + Splat(0.044715f) * x * x);
  const Floats power = Min(u * Splat(-2.f * 0.7978845608f * kLog2E), Splat(126.f));
  const Floats s = Splat(1.f) / (Splat(1.f) + Exp2(power));
  const Floats slope = Splat(2.f * 0.7978845608f) * (Splat(1.f) + Splat(3.f * 0.044715f) * x * x);
  return s + x * s * (Splat(1.f) - s) * slope;
}

// dx = dy * slope(x + bias) for rows of one width; `sums` [width] gets the gradient of the bias.
template <typename Slope>
static void BiasThenGrad(Slope slope, const float* dy, const float* x, const float* bias, float* dx, float* sums,
                         int64_t rows, int64_t width) {
  SumOverRows(rows, width, sums, [=](int64_t first, int64_t end, float* part) {
    const int64_t whole = width / kLanes * kLanes;
    const int rest = static_cast<int>(width - whole);
    for (int64_t row = first; row < end; ++row) {
      const float *up = dy + row * width, *in = x + row * width;
      float* out = dx + row * width;
      for (int64_t i = 0; i < whole; i += kLanes) {
        const Floats d = Load(up + i) * slope(Load(in + i) + Load(bias + i));
        Store(out + i, d);
        Store(part + i, Load(part + i) + d);
      }
      if (!rest) continue;
      const Floats d = LoadPart(up + whole, rest) * slope(LoadPart(in + whole, rest) + LoadPart(bias + whole, rest));
      StorePart(out + whole, d, rest);
      StorePart(part + whole, LoadPart(part + whole, rest) + d, rest);
    }
  });
}

}  // namespace ps3
