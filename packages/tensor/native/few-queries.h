// Attention of a few queries to many keys, as generation has it: keys and values are read once, where they lie. What
// attention.h packs first pays only for many queries.
#pragma once
#include <algorithm>
#include <cmath>

#include "attention.h"

namespace ps3 {

// Below this many queries that share a key, packing costs more than it saves.
constexpr int64_t kFewQueries = 16;

static inline float Dot(const float* a, const float* b, int64_t width) {
  const int64_t whole = width / kLanes * kLanes;
  Floats sum = {};
  for (int64_t d = 0; d < whole; d += kLanes) sum += Load(a + d) * Load(b + d);
  if (whole < width) sum += LoadPart(a + whole, width - whole) * LoadPart(b + whole, width - whole);
  return Sum(sum);
}

static inline void AddScaled(float* to, float factor, const float* from, int64_t width) {
  const int64_t whole = width / kLanes * kLanes;
  const Floats by = Splat(factor);
  for (int64_t d = 0; d < whole; d += kLanes) Store(to + d, Load(to + d) + by * Load(from + d));
  for (int64_t d = whole; d < width; ++d) to[d] += factor * from[d];
}

// One query of every head that shares a head of keys. Parts have no bias here.
static void SharedQuery(const AttentionProblem& problem, const AttentionProblem::Entry& entry, int64_t kv_head,
                        int64_t index, int64_t visible) {
  static thread_local Scratch scratch;
  const int64_t width = problem.width, group = problem.heads / problem.kv_heads, first = kv_head * group;
  float* q = scratch.Get(group * (2 * width + kKeyBlock + 2));
  float *out = q + group * width, *scores = out + group * width;
  float *maximum = scores + group * kKeyBlock, *total = maximum + group;
  const float scale = kLog2E / std::sqrt(static_cast<float>(width));
  const float* source = entry.q.data + index * entry.q.stride + first * width;
  for (int64_t i = 0; i < group * width; ++i) {
    q[i] = source[i] * scale;
    out[i] = 0.f;
  }
  for (int64_t g = 0; g < group; ++g) {
    maximum[g] = -1e30f;
    total[g] = 0.f;
  }
  for (int64_t begin = 0; begin < visible; begin += kKeyBlock) {
    const int64_t keys = std::min<int64_t>(kKeyBlock, visible - begin), padded = RoundUp(keys, kKeyStrip);
    for (int64_t j = 0; j < keys; ++j) {
      const float* key = Find(entry.k, begin + j, kv_head, width).row;
      for (int64_t g = 0; g < group; ++g) scores[g * kKeyBlock + j] = Dot(q + g * width, key, width);
    }
    for (int64_t g = 0; g < group; ++g) {
      const float alpha = SoftmaxRow(scores + g * kKeyBlock, padded, keys, maximum[g], total[g]);
      if (alpha != 1.f)
        for (int64_t d = 0; d < width; ++d) out[g * width + d] *= alpha;
    }
    for (int64_t j = 0; j < keys; ++j) {
      const float* value = Find(entry.v, begin + j, kv_head, width).row;
      for (int64_t g = 0; g < group; ++g) AddScaled(out + g * width, scores[g * kKeyBlock + j], value, width);
    }
  }
  float* target = entry.out + index * entry.out_stride + first * width;
  for (int64_t g = 0; g < group; ++g)
    for (int64_t d = 0; d < width; ++d)
      target[g * width + d] = total[g] > 0.f ? out[g * width + d] / total[g] : 0.f;
}

static void FewQueries(const AttentionProblem& problem) {
  for (int64_t b = 0; b < problem.batch; ++b) {
    const AttentionProblem::Entry entry = problem.entry(b);
    const int64_t keys = Count(entry.k);
    Pool::Get().For(problem.kv_heads * entry.q.count, [&](int64_t i) {
      const int64_t index = i / problem.kv_heads;
      const int64_t visible = problem.causal ? std::clamp<int64_t>(index + problem.causal_offset + 1, 0, keys) : keys;
      SharedQuery(problem, entry, i % problem.kv_heads, index, visible);
    });
  }
}

}  // namespace ps3
