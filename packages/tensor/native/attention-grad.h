// The backward pass of attention.h's self-attention: probabilities are computed again, a block of queries at a time, and
// never held for all queries (Dao et al., arXiv:2205.14135). One head of one batch entry is one task, so that every sum
// has one order. Extra memory per thread: five copies of a head's keys, and two blocks of scores.
#pragma once
#include "attention.h"

namespace ps3 {

constexpr int64_t kGradBlock = 48;  // queries; whole tiles of 4

// acc[i][j] += sum over p of a[p][i] * b[p][j]: as Tile, with `a` lying the other way.
template <int R, int N>
static inline void TileTransposed(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth,
                                  Floats (&acc)[R][N]) {
  for (int64_t p = 0; p < depth; ++p, a += a_stride, b += b_stride) {
    Floats column[N];
    for (int j = 0; j < N; ++j) column[j] = Load(b + j * kLanes);
    for (int i = 0; i < R; ++i) {
      const Floats factor = Splat(a[i]);
      for (int j = 0; j < N; ++j) acc[i][j] += factor * column[j];
    }
  }
}

// out [rows][keys] = x [rows][width] times packed keys (strips of 24, each [width][24])
static void TimesKeys(const float* x, int64_t x_stride, int64_t rows, int64_t width, const float* packed, int64_t keys,
                      float* out) {
  for (int64_t s = 0; s < keys; s += kKeyStrip) {
    for (int64_t i = 0; i < rows; i += 4) {
      Floats acc[4][3] = {};
      Tile<4, 3>(x + i * x_stride, x_stride, packed + s * width, width, acc);
      for (int r = 0; r < 4; ++r)
        for (int j = 0; j < 3; ++j) Store(out + (i + r) * keys + s + j * kLanes, acc[r][j]);
    }
  }
}

// out [rows][padded width] = x [rows][keys] times packed values (strips of columns, each [keys][columns])
template <int N>
static void TimesValues(const float* x, int64_t rows, int64_t keys, const float* packed, float* out,
                        int64_t out_stride) {
  for (int64_t i = 0; i < rows; i += 4) {
    Floats acc[4][N] = {};
    Tile<4, N>(x + i * keys, keys, packed, keys, acc);
    for (int r = 0; r < 4; ++r)
      for (int j = 0; j < N; ++j) Store(out + (i + r) * out_stride + j * kLanes, acc[r][j]);
  }
}

// out [keys][columns] += x [rows][keys], transposed, times y [rows][columns]
template <int N>
static void AddTransposed(const float* x, int64_t rows, int64_t keys, const float* y, int64_t stride, float* out) {
  for (int64_t k = 0; k < keys; k += 4) {
    Floats acc[4][N];
    for (int r = 0; r < 4; ++r)
      for (int j = 0; j < N; ++j) acc[r][j] = Load(out + (k + r) * stride + j * kLanes);
    TileTransposed<4, N>(x + k, keys, y, stride, rows, acc);
    for (int r = 0; r < 4; ++r)
      for (int j = 0; j < N; ++j) Store(out + (k + r) * stride + j * kLanes, acc[r][j]);
  }
}

// Scores in units of log 2 become probabilities; columns beyond `valid` become 0.
static void SoftmaxWhole(float* s, int64_t padded, int64_t valid) {
  for (int64_t j = valid; j < padded; ++j) s[j] = -INFINITY;
  Floats largest = Load(s);
  for (int64_t j = kLanes; j < padded; j += kLanes) largest = Max(largest, Load(s + j));
  const Floats shift = Splat(Largest(largest));
  Floats sum = {};
  for (int64_t j = 0; j < padded; j += kLanes) {
    const Floats p = Exp2(Load(s + j) - shift);
    Store(s + j, p);
    sum += p;
  }
  const Floats inverse = Splat(1.f / Sum(sum));
  for (int64_t j = 0; j < padded; j += kLanes) Store(s + j, Load(s + j) * inverse);
}

// Where one head's gradients go: rows of `stride` floats, like the inputs'.
struct GradRows {
  float* data;
  int64_t count;
  int64_t stride;
};

struct GradEntry {
  AttentionProblem::Entry inputs;  // `out` is not used
  const float* dy;
  int64_t dy_stride;
  GradRows dq, dk[2], dv[2];
};

static void WriteRows(const GradRows (&parts)[2], int64_t head, int64_t width, const float* from, int64_t stride,
                      float scale) {
  for (const GradRows& part : parts) {
    for (int64_t row = 0; row < part.count; ++row, from += stride) {
      float* to = part.data + row * part.stride + head * width;
      for (int64_t d = 0; d < width; ++d) to[d] = from[d] * scale;
    }
  }
}

static bool HeadGrad(const GradEntry& entry, int64_t head, int64_t width) {
  static thread_local Scratch scratch;
  const Rows& queries = entry.inputs.q;
  const int64_t keys = Count(entry.inputs.k), padded = RoundUp(keys, kKeyStrip);
  const int64_t columns = RoundUp(width, kLanes);
  float* keys_across = scratch.Get(padded * (2 * width + 3 * columns) + kGradBlock * (2 * padded + 4 * columns));
  if (!keys_across) return false;
  float* values_across = keys_across + padded * width;
  float* keys_down = values_across + padded * width;
  float* dk = keys_down + padded * columns;
  float* dv = dk + padded * columns;
  float* p = dv + padded * columns;
  float* ds = p + kGradBlock * padded;
  float* scaled = ds + kGradBlock * padded;
  float* q = scaled + kGradBlock * columns;
  float* dy = q + kGradBlock * columns;
  float* dq = dy + kGradBlock * columns;
  PackKeys(entry.inputs.k, head, width, 0, padded, keys_across);
  PackKeys(entry.inputs.v, head, width, 0, padded, values_across);
  PackValues(entry.inputs.k, head, width, columns, padded, 0, padded, keys_down);
  std::fill(dk, dk + 2 * padded * columns, 0.f);

  const float scale = 1.f / std::sqrt(static_cast<float>(width));
  for (int64_t first = 0; first < queries.count; first += kGradBlock) {
    const int64_t count = std::min(kGradBlock, queries.count - first), rows = RoundUp(count, 4);
    for (int64_t i = 0; i < rows; ++i) {
      const float* source = queries.data + (first + i) * queries.stride + head * width;
      const float* bias = queries.bias ? queries.bias + head * width : nullptr;
      const float* up = entry.dy + (first + i) * entry.dy_stride + head * width;
      for (int64_t d = 0; d < columns; ++d) {
        const bool there = i < count && d < width;
        q[i * columns + d] = there ? source[d] + (bias ? bias[d] : 0.f) : 0.f;
        scaled[i * columns + d] = q[i * columns + d] * scale * kLog2E;
        dy[i * columns + d] = there ? up[d] : 0.f;
      }
    }
    TimesKeys(scaled, columns, rows, width, keys_across, padded, p);
    TimesKeys(dy, columns, rows, width, values_across, padded, ds);
    for (int64_t i = 0; i < rows; ++i) {
      float *row = p + i * padded, *slope = ds + i * padded;
      SoftmaxWhole(row, padded, keys);
      Floats sum = {};
      for (int64_t j = 0; j < padded; j += kLanes) sum += Load(row + j) * Load(slope + j);
      const Floats expected = Splat(Sum(sum));
      for (int64_t j = 0; j < padded; j += kLanes) Store(slope + j, Load(row + j) * (Load(slope + j) - expected));
    }
    for (int64_t c = 0, vectors; c < columns; c += vectors * kLanes) {
      vectors = StripVectors(c, columns);
      const float* strip = keys_down + c * padded;
      if (vectors == 3) {
        TimesValues<3>(ds, rows, padded, strip, dq + c, columns);
        AddTransposed<3>(ds, rows, padded, q + c, columns, dk + c);
        AddTransposed<3>(p, rows, padded, dy + c, columns, dv + c);
      } else if (vectors == 2) {
        TimesValues<2>(ds, rows, padded, strip, dq + c, columns);
        AddTransposed<2>(ds, rows, padded, q + c, columns, dk + c);
        AddTransposed<2>(p, rows, padded, dy + c, columns, dv + c);
      } else {
        TimesValues<1>(ds, rows, padded, strip, dq + c, columns);
        AddTransposed<1>(ds, rows, padded, q + c, columns, dk + c);
        AddTransposed<1>(p, rows, padded, dy + c, columns, dv + c);
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      float* to = entry.dq.data + (first + i) * entry.dq.stride + head * width;
      for (int64_t d = 0; d < width; ++d) to[d] = dq[i * columns + d] * scale;
    }
  }
  WriteRows(entry.dk, head, width, dk, columns, scale);
  WriteRows(entry.dv, head, width, dv, columns, 1.f);
  return true;
}

// Every head of every batch entry.
static bool AttentionGrad(int64_t batch, int64_t heads, int64_t width,
                          const std::function<GradEntry(int64_t batch)>& entry) {
  std::atomic<bool> ok{true};
  Pool::Get().For(batch * heads, [&](int64_t i) {
    if (!HeadGrad(entry(i / heads), i % heads, width)) ok = false;
  });
  return ok;
}

}  // namespace ps3
