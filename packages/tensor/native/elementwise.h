// LayerNorm, and bias followed by GELU, each in one pass over memory.
#pragma once
#include <cmath>

#include "parallel.h"
#include "vectors.h"

namespace ps3 {

constexpr int64_t kRowsPerTask = 16;

// Calls body(row) for every row, several rows to a task.
template <typename Body>
static void ForRows(int64_t rows, const Body& body) {
  Pool::Get().For((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task) {
    const int64_t end = (task + 1) * kRowsPerTask < rows ? (task + 1) * kRowsPerTask : rows;
    for (int64_t row = task * kRowsPerTask; row < end; ++row) body(row);
  });
}

// Two passes over a row that is in the first-level cache by then: no cancellation.
static void LayerNorm(const float* x, const float* weight, const float* bias, float* out, int64_t rows, int64_t width,
                      float eps) {
  ForRows(rows, [=](int64_t row) {
    const float* in = x + row * width;
    float* to = out + row * width;
    const int64_t whole = width / kLanes * kLanes;
    const int rest = static_cast<int>(width - whole);
    Floats sum = {};
    for (int64_t i = 0; i < whole; i += kLanes) sum += Load(in + i);
    if (rest) sum += LoadPart(in + whole, rest);
    const float average = Sum(sum) / width;
    const Floats mean = Splat(average);
    Floats squares = {};
    for (int64_t i = 0; i < whole; i += kLanes) {
      const Floats d = Load(in + i) - mean;
      squares += d * d;
    }
    if (rest) {
      const Floats d = LoadPart(in + whole, rest, average) - mean;
      squares += d * d;
    }
    const Floats inverse = Splat(1.f / std::sqrt(Sum(squares) / width + eps));
    for (int64_t i = 0; i < whole; i += kLanes)
      Store(to + i, (Load(in + i) - mean) * inverse * Load(weight + i) + Load(bias + i));
    if (rest) {
      const Floats last = (LoadPart(in + whole, rest) - mean) * inverse * LoadPart(weight + whole, rest);
      StorePart(to + whole, last + LoadPart(bias + whole, rest), rest);
    }
  });
}

// x * Phi(x) = max(x, 0) - |x| erfc(|x| / sqrt 2) / 2, with erfc by Abramowitz & Stegun 7.1.26 (error 1.5e-7).
static inline Floats Gelu(Floats x) {
  const Floats size = Abs(x);
  const Floats t = Splat(1.f) / (Splat(1.f) + size * Splat(0.3275911f * 0.70710678f));
  Floats p = Splat(1.061405429f);
  p = p * t + Splat(-1.453152027f);
  p = p * t + Splat(1.421413741f);
  p = p * t + Splat(-0.284496736f);
  p = p * t + Splat(0.254829592f);
  const Floats tail = p * t * Exp2(x * x * Splat(-0.5f * kLog2E));
  return Max(x, Floats{}) - Splat(0.5f) * size * tail;
}

// x (1 + tanh u) / 2 = x / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
static inline Floats GeluTanh(Floats x) {
  const Floats u = x * (Splat(1.f) + Splat(0.044715f) * x * x);
  const Floats power = Min(u * Splat(-2.f * 0.7978845608f * kLog2E), Splat(126.f));
  return x / (Splat(1.f) + Exp2(power));
}

template <typename Function>
static void BiasThen(Function function, const float* x, const float* bias, float* out, int64_t rows, int64_t width) {
  ForRows(rows, [=](int64_t row) {
    const float* in = x + row * width;
    float* to = out + row * width;
    const int64_t whole = width / kLanes * kLanes;
    const int rest = static_cast<int>(width - whole);
    for (int64_t i = 0; i < whole; i += kLanes) Store(to + i, function(Load(in + i) + Load(bias + i)));
    if (rest) StorePart(to + whole, function(LoadPart(in + whole, rest) + LoadPart(bias + whole, rest)), rest);
  });
}

}  // namespace ps3
