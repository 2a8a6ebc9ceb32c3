// Cuts a picture into patches as if it had been resized (bicubic) and normalised: ps3-encoder's samplePatches for every
// patch of a grid, a row of patches to a task.
#pragma once
#include <vector>

#include "parallel.h"
#include "vectors.h"

namespace ps3 {

struct PatchProblem {
  int64_t width;  // of the picture
  int64_t patch, grid_height, grid_width;
  // Four source positions and weights for every row and column of the resized picture.
  const int32_t *row_positions, *column_positions;
  const float *row_weights, *column_weights;
  const float *factors, *shifts;  // per channel: value * factor + shift
};

// picture: RGB, interleaved; out: the patches of one row of the grid, [grid_width, 3, patch, patch].
static void PatchRow(const PatchProblem& p, const uint8_t* picture, int64_t grid_row, float* out) {
  static thread_local Scratch scratch;
  const int64_t patch = p.patch, plane = patch * patch, columns = p.grid_width * patch, top = grid_row * patch;
  // The distinct source rows behind this row of patches, each filtered along x once.
  std::vector<int32_t> sources;
  std::vector<int64_t> slots(patch * 4);
  for (int64_t tap = 0; tap < patch * 4; ++tap) {
    const int32_t position = p.row_positions[top * 4 + tap];
    int64_t slot = static_cast<int64_t>(sources.size()) - 1;
    while (slot >= 0 && sources[slot] != position) --slot;
    if (slot < 0) {
      slot = sources.size();
      sources.push_back(position);
    }
    slots[tap] = slot * 3 * columns;
  }
  float* strip = scratch.Get(sources.size() * 3 * columns);
  for (size_t s = 0; s < sources.size(); ++s) {
    const uint8_t* row = picture + static_cast<int64_t>(sources[s]) * p.width * 3;
    float *red = strip + s * 3 * columns, *green = red + columns, *blue = green + columns;
    for (int64_t x = 0; x < columns; ++x) {
      const int32_t* at = p.column_positions + x * 4;
      const float* w = p.column_weights + x * 4;
      const uint8_t *a = row + at[0] * 3, *b = row + at[1] * 3, *c = row + at[2] * 3, *d = row + at[3] * 3;
      red[x] = a[0] * w[0] + b[0] * w[1] + c[0] * w[2] + d[0] * w[3];
      green[x] = a[1] * w[0] + b[1] * w[1] + c[1] * w[2] + d[1] * w[3];
      blue[x] = a[2] * w[0] + b[2] * w[1] + c[2] * w[2] + d[2] * w[3];
    }
  }
  for (int64_t row = 0; row < patch; ++row) {
    const float* w = p.row_weights + (top + row) * 4;
    const int64_t* slot = slots.data() + row * 4;
    for (int channel = 0; channel < 3; ++channel) {
      const float factor = p.factors[channel], shift = p.shifts[channel];
      const float w0 = w[0] * factor, w1 = w[1] * factor, w2 = w[2] * factor, w3 = w[3] * factor;
      const float* from = strip + channel * columns;
      for (int64_t i = 0; i < p.grid_width; ++i) {
        float* to = out + (i * 3 + channel) * plane + row * patch;
        const float *s0 = from + slot[0] + i * patch, *s1 = from + slot[1] + i * patch;
        const float *s2 = from + slot[2] + i * patch, *s3 = from + slot[3] + i * patch;
        for (int64_t x = 0; x < patch; ++x) to[x] = s0[x] * w0 + s1[x] * w1 + s2[x] * w2 + s3[x] * w3 + shift;
      }
    }
  }
}

// pictures [batch], each `bytes` apart -> out [batch, grid_height * grid_width, 3 * patch * patch]
static void ResizedPatches(const PatchProblem& p, const uint8_t* pictures, int64_t bytes, int64_t batch, float* out) {
  const int64_t row_size = p.grid_width * 3 * p.patch * p.patch;
  Pool::Get().For(batch * p.grid_height, [&](int64_t i) {
    PatchRow(p, pictures + i / p.grid_height * bytes, i % p.grid_height, out + i * row_size);
  });
}

}  // namespace ps3
