// Eight floats at a time through GCC's vector extensions: one source for AVX2, plain x86-64 and ARM.
#pragma once
#include <stdlib.h>

#include <cstdint>
#include <cstring>

namespace ps3 {

constexpr int kLanes = 8;
typedef float F8 __attribute__((vector_size(32)));
typedef int32_t I8 __attribute__((vector_size(32)));
typedef float F8Unaligned __attribute__((vector_size(32), aligned(4), may_alias));

static inline F8 Load(const float* p) { return *reinterpret_cast<const F8Unaligned*>(p); }
static inline void Store(float* p, F8 v) { *reinterpret_cast<F8Unaligned*>(p) = v; }
static inline F8 Splat(float x) { return F8{x, x, x, x, x, x, x, x}; }
static inline F8 Max(F8 a, F8 b) { return a > b ? a : b; }
static inline F8 Min(F8 a, F8 b) { return a < b ? a : b; }
static inline F8 Abs(F8 a) { return (F8)((I8)a & 0x7fffffff); }

// The first n < 8 floats; the others become `fill`.
static inline F8 LoadPart(const float* p, int n, float fill = 0.f) {
  F8 v = Splat(fill);
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}
static inline void StorePart(float* p, F8 v, int n) { std::memcpy(p, &v, n * sizeof(float)); }

static inline float Sum(F8 v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}
static inline float Largest(F8 v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

// 2^x for x <= 127, exactly 0 below -126.5; relative error 1e-7. Polynomial of Cephes' exp2f on [-0.5, 0.5].
static inline F8 Exp2(F8 x) {
  x = x < Splat(-127.f) ? Splat(-127.f) : x;  // in this order NaN stays NaN
  // Adding 1.5 * 2^23 rounds to an integer and leaves it, plus the exponent's bias, in the low bits.
  const F8 magic = Splat(12582912.f + 127.f);
  const F8 shifted = x + magic;
  const F8 scale = (F8)((I8)shifted << 23);
  const F8 f = x - (shifted - magic);
  F8 p = Splat(1.535336188319500e-4f);
  p = p * f + Splat(1.339887440266574e-3f);
  p = p * f + Splat(9.618437357674640e-3f);
  p = p * f + Splat(5.550332471162809e-2f);
  p = p * f + Splat(2.402264791363012e-1f);
  p = p * f + Splat(6.931472028550421e-1f);
  p = p * f + Splat(1.f);
  return p * scale;
}

constexpr float kLog2E = 1.4426950408889634f;

// Scratch memory that grows and stays, on a 64-byte boundary; one per thread and use.
class Scratch {
 public:
  ~Scratch() { free(data_); }
  float* Get(size_t count) {
    if (count > count_) {
      free(data_);
      data_ = nullptr;
      count_ = 0;
      void* p = nullptr;
      if (posix_memalign(&p, 64, count * sizeof(float)) != 0) return nullptr;
      data_ = static_cast<float*>(p);
      count_ = count;
    }
    return data_;
  }

 private:
  float* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace ps3
