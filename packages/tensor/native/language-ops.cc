// Operations of a language model's decoder, as fused-ops.cc has them for the vision transformer. R rows.
#include "decoder.h"
#include "matvec.h"
#include "op.h"

namespace {

// x [..., C], weight [C] -> [..., C]
void RmsNorm(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) > 0, "x must have an axis");
  if (!call.ok()) return;
  const int64_t width = call.Dim(0, -1);
  call.Check(call.Size(1) == width, "weight must be as long as x's last axis");
  float* out = call.OutputLike(0);
  if (!call.ok() || call.Size(0) == 0) return;
  ps3::RmsNorm(call.Data(0), call.Data(1), out, call.Size(0) / width, width, static_cast<Attributes*>(kernel)->eps);
}

// gate, up (one shape) -> silu(gate) * up
void SiluMul(void*, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Size(0) == call.Size(1), "gate and up must have one shape");
  float* out = call.OutputLike(0);
  if (call.ok()) ps3::SiluMul(call.Data(0), call.Data(1), out, call.Size(0));
}

// x [R, C], cos and sin [R, D / 2], C a multiple of D -> [R, C]
void Rotary(void*, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 2 && call.Rank(1) == 2 && call.Rank(2) == 2, "x, cos and sin must be matrices");
  if (!call.ok()) return;
  const int64_t rows = call.Dim(0, 0), width = call.Dim(0, 1), half = call.Dim(1, 1);
  call.Check(half > 0 && width % (2 * half) == 0, "x must hold whole heads of twice the tables' width");
  call.Check(call.Dim(1, 0) == rows && call.Dim(2, 0) == rows && call.Dim(2, 1) == half,
             "cos and sin must have a row for each row of x");
  float* out = call.OutputLike(0);
  if (call.ok()) ps3::Rotary(call.Data(0), call.Data(1), call.Data(2), out, rows, width / (2 * half), half);
}

// x [R, in], weight [out, in], bias [out] (not read without has_bias) -> [R, out]
void FewRows(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 2 && call.Rank(1) == 2, "x and weight must be matrices");
  if (!call.ok()) return;
  const int64_t rows = call.Dim(0, 0), in = call.Dim(0, 1), out = call.Dim(1, 0);
  call.Check(call.Dim(1, 1) == in, "the last axes of x and weight must be equally long");
  const bool biased = static_cast<Attributes*>(kernel)->has_bias;
  call.Check(!biased || call.Size(2) == out, "bias must have one value for each row of weight");
  const int64_t dims[] = {rows, out};
  float* y = call.Output(dims, 2);
  if (!call.ok() || rows * out == 0) return;
  const float* bias = biased ? call.Data(2) : nullptr;
  call.Check(ps3::FewRows(ps3::Float32Weights{call.Data(1), in}, call.Data(0), bias, y, rows, out), "out of memory");
}

// A packed matrix [rows, columns]: words (int32) and scales are inputs `words` and `words` + 1.
bool CheckPacked(Call& call, const Attributes& a, int words) {
  call.Check(call.ok() && a.format >= 0 && a.format <= ps3::kInt4 && a.rows > 0 && a.columns > 0, "unknown format or no size");
  return call.Check(call.Size(words) * 4 >= ps3::PackedBytes(a.format, a.rows, a.columns) &&
                        call.Size(words + 1) >= ps3::PackedScales(a.format, a.rows, a.columns),
                    "words or scales are fewer than the matrix needs");
}

// x [R, columns], words, scales, bias [rows] (not read without has_bias) -> [R, rows]
void PackedRows(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  if (!CheckPacked(call, attributes, 1)) return;
  const int64_t count = call.Dim(0, 0), in = attributes.columns, out = attributes.rows;
  call.Check(call.Rank(0) == 2 && call.Dim(0, 1) == in, "x must be a matrix as wide as the packed one");
  call.Check(!attributes.has_bias || call.Size(3) == out, "bias must have one value for each row of the packed matrix");
  const int64_t dims[] = {count, out};
  float* y = call.Output(dims, 2);
  if (!call.ok() || count == 0) return;
  const float *x = call.Data(0), *bias = attributes.has_bias ? call.Data(3) : nullptr;
  call.Check(ps3::WithWeights(attributes.format, call.Data<int32_t>(1), call.Data(2), in,
                              [&](const auto& w) { return ps3::FewRows(w, x, bias, y, count, out); }),
             "out of memory");
}

// words, scales, ids [n] -> those rows as float32 [n, columns]
void UnpackRows(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  if (!CheckPacked(call, attributes, 0)) return;
  const int64_t count = call.Size(2), dims[] = {count, attributes.columns};
  const int32_t* ids = call.Data<int32_t>(2);
  for (int64_t i = 0; i < count; ++i)
    if (!call.Check(ids[i] >= 0 && ids[i] < attributes.rows, "a row that the packed matrix does not have")) return;
  float* to = call.Output(dims, 2);
  if (!call.ok()) return;
  ps3::WithWeights(attributes.format, call.Data<int32_t>(0), call.Data(1), attributes.columns, [&](const auto& w) {
    ps3::Unpack(w, ids, count, to);
    return true;
  });
}

__attribute__((constructor)) void RegisterLanguageOps() {
  Register("Ps3RmsNorm", {"x", "weight"}, {"eps: float"}, RmsNorm);
  Register("Ps3SiluMul", {"gate", "up"}, {}, SiluMul);
  Register("Ps3Rotary", {"x", "cos", "sin"}, {}, Rotary);
  Register("Ps3FewRows", {"x", "weight", "bias"}, {"has_bias: bool"}, FewRows);
  Register("Ps3PackedRows", {"x", "words: int32", "scales", "bias"},
           {"format: int", "rows: int", "columns: int", "has_bias: bool"}, PackedRows);
  Register("Ps3UnpackRows", {"words: int32", "scales", "ids: int32"}, {"format: int", "rows: int", "columns: int"},
           UnpackRows);
}

}  // namespace
