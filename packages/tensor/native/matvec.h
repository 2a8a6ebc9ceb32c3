// x W^T + b for a few rows of x, as generation has it: the weights, float32 or packed, go through the processor once, at
// the speed of memory. Packed weights are turned into float32 in registers.
#pragma once
#include <algorithm>

#include "parallel.h"
#include "vectors.h"

namespace ps3 {

typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));

// As many bytes as integers. GCC 12 goes through single bytes where it is left to it.
static inline Ints Widen(const int8_t* p) {
#if defined(__AVX512F__)
  return (Ints)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__AVX2__)
  return (Ints)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  return Ints{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
#endif
}

// Columns k on of a row whose groups of 16 lie in 8 bytes each: byte j holds column j in its low half and j + 8 in its high.
static inline Ints WidenHalves(const uint8_t* row, int64_t k) {
  const uint8_t* p = row + k / 16 * 8;
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return (Ints)_mm512_cvtepu8_epi32(_mm_unpacklo_epi64(bytes, _mm_srli_epi16(bytes, 4))) & 15;
#else
#if defined(__AVX2__)
  const Ints wide = (Ints)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  const Ints wide = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
#endif
  return k % 16 == 0 ? wide & 15 : wide >> 4;
#endif
}

static inline Floats FromBfloat16(Halves h) { return (Floats)(__builtin_convertvector(h, Ints) << 16); }

// Also subnormal numbers: the exponent's bias is put right by a multiplication. Infinities and NaN become large numbers.
static inline Floats FromFloat16(Halves h) {
  const Ints bits = __builtin_convertvector(h, Ints);
  const Floats size = (Floats)((bits & 0x7fff) << 13) * Splat(0x1p112f);
  return (Floats)((Ints)size | ((bits & 0x8000) << 16));
}

// How a matrix [rows, in] holds its values. `Vector` gives kLanes of a row from column k on; grouped formats have one factor
// for kGroup columns, others 1.
struct Float32Weights {
  static constexpr int64_t kGroup = 0;
  const float* data;
  int64_t in;
  Floats Vector(int64_t row, int64_t k) const { return Load(data + row * in + k); }
  Floats Part(int64_t row, int64_t k, int n) const { return LoadPart(data + row * in + k, n); }
};

template <Floats (*Convert)(Halves)>
struct HalfWeights {
  static constexpr int64_t kGroup = 0;
  const uint16_t* data;
  int64_t in;
  Floats Vector(int64_t row, int64_t k) const { return Part(row, k, kLanes); }
  Floats Part(int64_t row, int64_t k, int n) const {
    Halves h = {};
    std::memcpy(&h, data + row * in + k, n * sizeof(uint16_t));
    return Convert(h);
  }
};
using Bfloat16Weights = HalfWeights<FromBfloat16>;
using Float16Weights = HalfWeights<FromFloat16>;

// Rows are padded with zeros to whole groups.
struct Int8Weights {
  static constexpr int64_t kGroup = 32;
  const int8_t* data;
  const float* scales;
  int64_t in;
  int64_t groups() const { return (in + kGroup - 1) / kGroup; }
  Floats Vector(int64_t row, int64_t k) const {
    return __builtin_convertvector(Widen(data + row * groups() * kGroup + k), Floats);
  }
};

// Byte j of 8 holds element j in its low four bits and element j + 8 in its high ones, both plus 8.
struct Int4Weights {
  static constexpr int64_t kGroup = 32;
  const uint8_t* data;
  const float* scales;
  int64_t in;
  int64_t groups() const { return (in + kGroup - 1) / kGroup; }
  Floats Vector(int64_t row, int64_t k) const {
    return __builtin_convertvector(WidenHalves(data + row * groups() * kGroup / 2, k) - 8, Floats);
  }
};

// Rows of x, `stride` floats apart and zero beyond the last column, for grouped formats up to the end of the last group.
template <int R, typename Weights>
static inline void DotRow(const Weights& w, int64_t row, const float* x, int64_t stride, float* y, int64_t y_stride,
                          float bias) {
  Floats total[R] = {};
  if constexpr (Weights::kGroup == 0) {
    // Independent sums hide the latency of one row's additions.
    constexpr int kSums = R == 1 ? 4 : 2;
    Floats sums[kSums][R] = {};
    int64_t k = 0;
    for (; k + kSums * kLanes <= w.in; k += kSums * kLanes)
      for (int s = 0; s < kSums; ++s) {
        const Floats v = w.Vector(row, k + s * kLanes);
        for (int r = 0; r < R; ++r) sums[s][r] += v * Load(x + r * stride + k + s * kLanes);
      }
    for (; k < w.in; k += kLanes) {
      const Floats v = w.Part(row, k, static_cast<int>(std::min<int64_t>(kLanes, w.in - k)));
      for (int r = 0; r < R; ++r) sums[0][r] += v * Load(x + r * stride + k);
    }
    for (int s = 0; s < kSums; ++s)
      for (int r = 0; r < R; ++r) total[r] += sums[s][r];
  } else {
    const float* scales = w.scales + row * w.groups();
    for (int64_t g = 0; g < w.groups(); ++g) {
      Floats sums[2][R] = {};
      for (int j = 0; j < Weights::kGroup / kLanes; ++j) {
        const Floats v = w.Vector(row, g * Weights::kGroup + j * kLanes);
        for (int r = 0; r < R; ++r) sums[j % 2][r] += v * Load(x + r * stride + g * Weights::kGroup + j * kLanes);
      }
      const Floats scale = Splat(scales[g]);
      for (int r = 0; r < R; ++r) total[r] += (sums[0][r] + sums[1][r]) * scale;
    }
  }
  for (int r = 0; r < R; ++r) y[r * y_stride] = Sum(total[r]) + bias;
}

// x [rows, in] -> y [rows, out]; bias may be null. False when memory is short.
template <typename Weights>
static bool FewRows(const Weights& w, const float* x, const float* bias, float* y, int64_t rows, int64_t out) {
  static thread_local Scratch scratch;
  constexpr int64_t kUnit = Weights::kGroup ? Weights::kGroup : kLanes;
  const int64_t stride = (w.in + kUnit - 1) / kUnit * kUnit;
  float* padded = scratch.Get(rows * stride);
  if (!padded) return false;
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(padded + r * stride, x + r * w.in, w.in * sizeof(float));
    std::fill(padded + r * stride + w.in, padded + (r + 1) * stride, 0.f);
  }
  // About 128 KB of float32 weights to a task: they stay in the cache for further rows of x.
  const int64_t per_task = std::max<int64_t>(1, (1 << 15) / w.in);
  Pool::Get().For((out + per_task - 1) / per_task, [&](int64_t task) {
    const int64_t first = task * per_task, end = std::min(first + per_task, out);
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int64_t o = first; o < end; ++o)
        DotRow<4>(w, o, padded + r * stride, stride, y + r * out + o, out, bias ? bias[o] : 0.f);
    for (; r < rows; ++r)
      for (int64_t o = first; o < end; ++o)
        DotRow<1>(w, o, padded + r * stride, stride, y + r * out + o, out, bias ? bias[o] : 0.f);
  });
  return true;
}

// Some rows of the matrix as float32: to [count, in].
template <typename Weights>
static void Unpack(const Weights& w, const int32_t* ids, int64_t count, float* to) {
  const int64_t per_task = std::max<int64_t>(1, (1 << 15) / w.in);
  Pool::Get().For((count + per_task - 1) / per_task, [&](int64_t task) {
    for (int64_t i = task * per_task; i < std::min((task + 1) * per_task, count); ++i) {
      const int64_t row = ids[i];
      for (int64_t k = 0; k < w.in; k += kLanes) {
        const int n = static_cast<int>(std::min<int64_t>(kLanes, w.in - k));
        Floats v;
        if constexpr (Weights::kGroup == 0) v = w.Part(row, k, n);
        else v = w.Vector(row, k) * Splat(w.scales[row * w.groups() + k / Weights::kGroup]);
        StorePart(to + i * w.in + k, v, n);
      }
    }
  });
}

enum Format { kBfloat16, kFloat16, kInt8, kInt4, kFloat32 };

// Calls use(make); make(data, scales, in) gives a matrix in the format.
template <typename Use>
static bool WithFormat(int64_t format, const Use& use) {
  switch (format) {
    case kBfloat16:
      return use([](const void* data, const float*, int64_t in) {
        return Bfloat16Weights{static_cast<const uint16_t*>(data), in};
      });
    case kFloat16:
      return use([](const void* data, const float*, int64_t in) {
        return Float16Weights{static_cast<const uint16_t*>(data), in};
      });
    case kInt8:
      return use([](const void* data, const float* scales, int64_t in) {
        return Int8Weights{static_cast<const int8_t*>(data), scales, in};
      });
    case kInt4:
      return use([](const void* data, const float* scales, int64_t in) {
        return Int4Weights{static_cast<const uint8_t*>(data), scales, in};
      });
    default:
      return use([](const void* data, const float*, int64_t in) {
        return Float32Weights{static_cast<const float*>(data), in};
      });
  }
}

// Bytes of a matrix, and how many scales it has.
static inline int64_t MatrixBytes(int64_t format, int64_t rows, int64_t in) {
  if (format == kFloat32) return rows * in * 4;
  const int64_t padded = (in + Int8Weights::kGroup - 1) / Int8Weights::kGroup * Int8Weights::kGroup;
  return format < kInt8 ? rows * in * 2 : format == kInt8 ? rows * padded : rows * padded / 2;
}
static inline int64_t MatrixScales(int64_t format, int64_t rows, int64_t in) {
  return format != kInt8 && format != kInt4 ? 0 : rows * ((in + Int8Weights::kGroup - 1) / Int8Weights::kGroup);
}

}  // namespace ps3
