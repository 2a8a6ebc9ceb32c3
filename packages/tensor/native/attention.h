// softmax(q k^T / sqrt(D)) v without the score matrix (Rabe & Staats, arXiv:2112.05682; Dao et al., arXiv:2205.14135):
// blocks of queries run over blocks of keys and carry each row's maximum and sum along.
// Extra memory: keys and values of a few heads, repacked, and 200 KB per thread.
// D width of a head, M keys in all. Strips are columns stored side by side so that the inner loop reads in order.
#pragma once
#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "vectors.h"

namespace ps3 {

constexpr int kQueryBlock = 96;
constexpr int kKeyStrip = 3 * kLanes;
constexpr int kKeyBlock = 240;
// 4 x 3 or 6 x 2 accumulators, the columns and a factor fill the 16 registers of AVX2; blocks hold whole tiles of both.
constexpr int kRowUnit = 12;

// Rows of one batch entry, `stride` floats apart, to which `bias` (may be null) is still to be added.
struct Rows {
  const float* data;
  const float* bias;
  int64_t count;
  int64_t stride;
};

struct AttentionProblem {
  int64_t batch, heads, kv_heads, width;  // width of one head
  // Of one batch entry: queries, output, and keys and values in up to three parts, one after the other.
  struct Entry {
    Rows q;
    Rows k[3], v[3];
    float* out;
    int64_t out_stride;
  };
  std::function<Entry(int64_t batch)> entry;
  bool causal;
  int64_t causal_offset;  // query i sees keys 0 .. i + causal_offset
};

// acc[i][j] += sum over p of a[i][p] * b[p][j], for R rows and N vectors of columns.
template <int R, int N>
static inline void Tile(const float* a, int64_t a_stride, const float* b, int64_t depth, Floats (&acc)[R][N]) {
  for (int64_t p = 0; p < depth; ++p, b += N * kLanes) {
    Floats column[N];
    for (int j = 0; j < N; ++j) column[j] = Load(b + j * kLanes);
    for (int i = 0; i < R; ++i) {
      const Floats factor = Splat(a[i * a_stride + p]);
      for (int j = 0; j < N; ++j) acc[i][j] += factor * column[j];
    }
  }
}

// One strip of scores: [rows] x [kKeyStrip keys], for rows from `first` on, a multiple of 4.
static void ScoreStrip(const float* q, int64_t first, int64_t rows, int64_t width, const float* k, float* scores) {
  for (int64_t i = first; i < rows; i += 4) {
    Floats acc[4][3] = {};
    Tile<4, 3>(q + i * width, width, k, width, acc);
    for (int r = 0; r < 4; ++r)
      for (int j = 0; j < 3; ++j) Store(scores + (i + r) * kKeyBlock + j * kLanes, acc[r][j]);
  }
}

// One strip of the output: out = out * alpha + p v. Row i sees seen(i) keys, and no row after it fewer.
template <int R, int N, typename Seen>
static void ValueStrip(const float* p, int64_t rows, const Seen& seen, const float* v, const float* alpha, float* out,
                       int64_t out_width) {
  for (int64_t i = 0; i < rows; i += R) {
    Floats acc[R][N];
    for (int r = 0; r < R; ++r)
      for (int j = 0; j < N; ++j)
        acc[r][j] = Load(out + (i + r) * out_width + j * kLanes) * Splat(alpha[i + r]);
    Tile<R, N>(p + i * kKeyBlock, kKeyBlock, v, seen(i + R - 1), acc);
    for (int r = 0; r < R; ++r)
      for (int j = 0; j < N; ++j) Store(out + (i + r) * out_width + j * kLanes, acc[r][j]);
  }
}

// Scores (in units of log 2) become probabilities relative to the running maximum; only the first `valid` of `padded`
// count. Returns the factor that brings what was summed so far to the new maximum.
static inline float SoftmaxRow(float* s, int64_t padded, int64_t valid, float& maximum, float& total) {
  for (int64_t j = valid; j < padded; ++j) s[j] = -INFINITY;
  Floats m0 = Load(s), m1 = Load(s + kLanes), m2 = Load(s + 2 * kLanes);
  for (int64_t j = kKeyStrip; j < padded; j += kKeyStrip) {
    m0 = Max(m0, Load(s + j));
    m1 = Max(m1, Load(s + j + kLanes));
    m2 = Max(m2, Load(s + j + 2 * kLanes));
  }
  const float larger = std::max(maximum, Largest(Max(m0, Max(m1, m2))));
  const float alpha = larger == maximum ? 1.f : std::exp2(maximum - larger);
  maximum = larger;
  const Floats shift = Splat(larger);
  Floats s0 = {}, s1 = {}, s2 = {};
  for (int64_t j = 0; j < padded; j += kKeyStrip) {
    const Floats p0 = Exp2(Load(s + j) - shift), p1 = Exp2(Load(s + j + kLanes) - shift);
    const Floats p2 = Exp2(Load(s + j + 2 * kLanes) - shift);
    Store(s + j, p0);
    Store(s + j + kLanes, p1);
    Store(s + j + 2 * kLanes, p2);
    s0 += p0;
    s1 += p1;
    s2 += p2;
  }
  total = total * alpha + Sum(s0 + (s1 + s2));
  return alpha;
}

// The width, in vectors, of the value strip that starts at column c: all 3, or all 2 where that fits better, or 3 and a
// narrower last one.
static inline int StripVectors(int64_t c, int64_t padded_width) {
  if (padded_width % (3 * kLanes) != 0 && padded_width % (2 * kLanes) == 0) return 2;
  return static_cast<int>(std::min<int64_t>(3, (padded_width - c) / kLanes));
}

static inline int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

static inline int64_t Count(const Rows (&parts)[3]) { return parts[0].count + parts[1].count + parts[2].count; }

// Where the columns of `head` of a key (or value) lie, and the bias still to be added there; null beyond the last one.
struct Place {
  const float *row, *bias;
};
static inline Place Find(const Rows (&parts)[3], int64_t key, int64_t head, int64_t width) {
  for (const Rows& part : parts) {
    if (key < part.count)
      return {part.data + key * part.stride + head * width, part.bias ? part.bias + head * width : nullptr};
    key -= part.count;
  }
  return {nullptr, nullptr};
}

// Keys of one head, transposed: strips of keys, each [D][kKeyStrip], zero beyond the last key.
static void PackKeys(const Rows (&parts)[3], int64_t head, int64_t width, int64_t from, int64_t to, float* packed) {
  for (int64_t key = from; key < to; ++key) {
    float* target = packed + key / kKeyStrip * kKeyStrip * width + key % kKeyStrip;
    const Place source = Find(parts, key, head, width);
    for (int64_t d = 0; d < width; ++d)
      target[d * kKeyStrip] = source.row ? source.row[d] + (source.bias ? source.bias[d] : 0.f) : 0.f;
  }
}

// Values of one head: strips of up to 3 vectors of columns, each [keys][columns], zero beyond the last key and column.
static void PackValues(const Rows (&parts)[3], int64_t head, int64_t width, int64_t padded_width, int64_t padded_keys,
                       int64_t from, int64_t to, float* packed) {
  for (int64_t key = from; key < to; ++key) {
    const Place source = Find(parts, key, head, width);
    for (int64_t c = 0, columns; c < padded_width; c += columns) {
      columns = StripVectors(c, padded_width) * kLanes;
      float* target = packed + c * padded_keys + key * columns;
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t d = c + j;
        target[j] = source.row && d < width ? source.row[d] + (source.bias ? source.bias[d] : 0.f) : 0.f;
      }
    }
  }
}

struct PackedHead {
  const float *keys, *values;
  int64_t count, padded_count;
};

static void QueryBlock(const AttentionProblem& problem, const AttentionProblem::Entry& entry, int64_t head,
                       const PackedHead& packed, int64_t first) {
  static thread_local Scratch scratch;
  const int64_t width = problem.width, padded_width = RoundUp(width, kLanes);
  const int64_t count = std::min<int64_t>(kQueryBlock, entry.q.count - first), rows = RoundUp(count, kRowUnit);
  float* q = scratch.Get(kQueryBlock * (width + kKeyBlock + padded_width + 3));
  float* scores = q + kQueryBlock * width;
  float* out = scores + kQueryBlock * kKeyBlock;
  float* alpha = out + kQueryBlock * padded_width;
  float *maximum = alpha + kQueryBlock, *total = maximum + kQueryBlock;

  const float scale = kLog2E / std::sqrt(static_cast<float>(width));
  for (int64_t i = 0; i < rows; ++i) {
    const float* source = entry.q.data + (first + i) * entry.q.stride + head * width;
    const float* bias = entry.q.bias ? entry.q.bias + head * width : nullptr;
    for (int64_t d = 0; d < width; ++d)
      q[i * width + d] = i < count ? (source[d] + (bias ? bias[d] : 0.f)) * scale : 0.f;
    // Finite, so that a row without keys gives zeros instead of NaN.
    maximum[i] = -1e30f;
    total[i] = 0.f;
  }
  std::fill(out, out + rows * padded_width, 0.f);

  // Keys that query i of this block may see.
  const auto visible = [&](int64_t i) {
    if (!problem.causal) return packed.count;
    return std::clamp<int64_t>(first + i + problem.causal_offset + 1, 0, packed.count);
  };
  const int64_t end = visible(count - 1);
  for (int64_t begin = 0; begin < end; begin += kKeyBlock) {
    const int64_t keys = std::min<int64_t>(kKeyBlock, end - begin);
    const auto seen = [&](int64_t i) { return std::clamp<int64_t>(visible(i) - begin, 0, keys); };
    // Scores that no row of a tile sees are left out.
    int64_t first_row = 0;
    for (int64_t s = 0; s < keys; s += kKeyStrip) {
      while (seen(first_row + 3) <= s && first_row + 4 < rows) first_row += 4;
      ScoreStrip(q, first_row, rows, width, packed.keys + (begin + s) * width, scores + s);
    }
    for (int64_t i = 0; i < rows; ++i) {
      // As far as any row of a tile with this one goes.
      const int64_t padded = RoundUp(seen(i / kRowUnit * kRowUnit + kRowUnit - 1), kKeyStrip);
      alpha[i] = padded > 0 ? SoftmaxRow(scores + i * kKeyBlock, padded, seen(i), maximum[i], total[i]) : 1.f;
    }
    for (int64_t c = 0, vectors; c < padded_width; c += vectors * kLanes) {
      vectors = StripVectors(c, padded_width);
      const float* v = packed.values + c * packed.padded_count + begin * vectors * kLanes;
      if (vectors == 3) ValueStrip<4, 3>(scores, rows, seen, v, alpha, out + c, padded_width);
      else if (vectors == 2) ValueStrip<6, 2>(scores, rows, seen, v, alpha, out + c, padded_width);
      else ValueStrip<6, 1>(scores, rows, seen, v, alpha, out + c, padded_width);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const float inverse = total[i] > 0.f ? 1.f / total[i] : 0.f;
    float* target = entry.out + (first + i) * entry.out_stride + head * width;
    for (int64_t d = 0; d < width; ++d) target[d] = out[i * padded_width + d] * inverse;
  }
}

static bool Attention(const AttentionProblem& problem) {
  static thread_local Scratch scratch;
  Pool& pool = Pool::Get();
  const int64_t width = problem.width, padded_width = RoundUp(width, kLanes);
  const int64_t group = problem.heads / problem.kv_heads;
  for (int64_t b = 0; b < problem.batch; ++b) {
    const AttentionProblem::Entry entry = problem.entry(b);
    const int64_t keys = Count(entry.k), padded_keys = RoundUp(keys, kKeyStrip);
    const int64_t per_head = padded_keys * (width + padded_width);
    // A few heads at a time: enough work for every thread, and their keys and values stay in the cache.
    const int64_t together = std::min<int64_t>(problem.kv_heads, std::max(2, pool.threads()));
    float* packed = scratch.Get(per_head * together);
    if (!packed) return false;
    for (int64_t head = 0; head < problem.kv_heads; head += together) {
      const int64_t heads = std::min(together, problem.kv_heads - head);
      const int64_t chunk = kKeyStrip * 16, chunks = (padded_keys + chunk - 1) / chunk;
      pool.For(heads * chunks, [&](int64_t i) {
        const int64_t from = i % chunks * chunk, to = std::min(from + chunk, padded_keys);
        float* target = packed + i / chunks * per_head;
        PackKeys(entry.k, head + i / chunks, width, from, to, target);
        PackValues(entry.v, head + i / chunks, width, padded_width, padded_keys, from, to,
                   target + padded_keys * width);
      });
      const int64_t blocks = (entry.q.count + kQueryBlock - 1) / kQueryBlock;
      pool.For(heads * group * blocks, [&](int64_t i) {
        const int64_t local = i / blocks;
        const float* target = packed + local / group * per_head;
        const PackedHead one{target, target + padded_keys * width, keys, padded_keys};
        QueryBlock(problem, entry, head * group + local, one, i % blocks * kQueryBlock);
      });
    }
  }
  return true;
}

}  // namespace ps3
