// What a language model's decoder does row by row between its matrix products, each in one pass over memory.
#pragma once
#include "elementwise.h"

namespace ps3 {

// RMSNorm (Zhang & Sennrich, arXiv:1910.07467).
static void RmsNorm(const float* x, const float* weight, float* out, int64_t rows, int64_t width, float eps) {
  ForRows(rows, [=](int64_t row) {
    const float* in = x + row * width;
    float* to = out + row * width;
    const int64_t whole = width / kLanes * kLanes;
    const int rest = static_cast<int>(width - whole);
    Floats squares = {};
    for (int64_t i = 0; i < whole; i += kLanes) {
      const Floats v = Load(in + i);
      squares += v * v;
    }
    if (rest) {
      const Floats v = LoadPart(in + whole, rest);
      squares += v * v;
    }
    const Floats inverse = Splat(1.f / std::sqrt(Sum(squares) / width + eps));
    for (int64_t i = 0; i < whole; i += kLanes) Store(to + i, Load(in + i) * inverse * Load(weight + i));
    if (rest) StorePart(to + whole, LoadPart(in + whole, rest) * inverse * LoadPart(weight + whole, rest), rest);
  });
}

// silu(gate) * up, silu(x) = x / (1 + exp(-x)).
static void SiluMul(const float* gate, const float* up, float* out, int64_t size) {
  constexpr int64_t kPerTask = 1 << 13;
  Pool::Get().For((size + kPerTask - 1) / kPerTask, [=](int64_t task) {
    const int64_t end = (task + 1) * kPerTask < size ? (task + 1) * kPerTask : size;
    const auto gated = [](Floats x, Floats by) {
      return x / (Splat(1.f) + Exp2(Min(x * Splat(-kLog2E), Splat(126.f)))) * by;
    };
    int64_t i = task * kPerTask;
    for (; i + kLanes <= end; i += kLanes) Store(out + i, gated(Load(gate + i), Load(up + i)));
    const int rest = static_cast<int>(end - i);
    if (rest) StorePart(out + i, gated(LoadPart(gate + i, rest), LoadPart(up + i, rest)), rest);
  });
}

// Turns element i of every head with element i + half by the row's angles. x [rows, heads * 2 * half], cos, sin [rows, half];
// rows of out are `out_stride` apart, and out is not x.
static void Rotary(const float* x, const float* cos, const float* sin, float* out, int64_t out_stride, int64_t rows,
                   int64_t heads, int64_t half) {
  ForRows(rows, [=](int64_t row) {
    const float *c = cos + row * half, *s = sin + row * half;
    for (int64_t head = 0; head < heads; ++head) {
      const float *a = x + (row * heads + head) * 2 * half, *b = a + half;
      float *to_a = out + row * out_stride + head * 2 * half, *to_b = to_a + half;
      for (int64_t i = 0; i < half; ++i) {
        to_a[i] = a[i] * c[i] - b[i] * s[i];
        to_b[i] = b[i] * c[i] + a[i] * s[i];
      }
    }
  });
}

static void Add(const float* a, const float* b, float* out, int64_t size) {
  for (int64_t i = 0; i < size; ++i) out[i] = a[i] + b[i];
}

}  // namespace ps3
