// Eight floats at a time, sixteen with AVX-512, through GCC's vector extensions: one source for all of x86-64 and ARM.
#pragma once
#ifdef __AVX2__
#include <immintrin.h>
#endif
#include <stdlib.h>

#include <cstdint>
#include <cstring>

namespace ps3 {

#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef float FloatsUnaligned __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

static inline Floats Load(const float* p) { return *reinterpret_cast<const FloatsUnaligned*>(p); }
static inline void Store(float* p, Floats v) { *reinterpret_cast<FloatsUnaligned*>(p) = v; }
static inline Floats Splat(float x) { return x - Floats{}; }
static inline Floats Max(Floats a, Floats b) { return a > b ? a : b; }
static inline Floats Min(Floats a, Floats b) { return a < b ? a : b; }
static inline Floats Abs(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }

// The first n < kLanes floats; the others become `fill`.
static inline Floats LoadPart(const float* p, int n, float fill = 0.f) {
  Floats v = Splat(fill);
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}
static inline void StorePart(float* p, Floats v, int n) { std::memcpy(p, &v, n * sizeof(float)); }

#ifdef __AVX512F__
// Not through memory, where the compiler would then keep the sum that a loop adds to.
static inline float Sum(Floats all) {
  const __m256 v = _mm512_castps512_ps256((__m512)all) + _mm512_extractf32x8_ps((__m512)all, 1);
#else
static inline float Sum(Floats v) {
#endif
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}
static inline float Largest(Floats v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

// 2^x for x <= 127, exactly 0 below -126.5; relative error 1e-7. Polynomial of Cephes' exp2f on [-0.5, 0.5].
static inline Floats Exp2(Floats x) {
  x = x < Splat(-127.f) ? Splat(-127.f) : x;  // in this order NaN stays NaN
  // Adding 1.5 * 2^23 rounds to an integer and leaves it, plus the exponent's bias, in the low bits.
  const Floats magic = Splat(12582912.f + 127.f);
  const Floats shifted = x + magic;
  const Floats scale = (Floats)((Ints)shifted << 23);
  const Floats f = x - (shifted - magic);
  Floats p = Splat(1.535336188319500e-4f);
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
