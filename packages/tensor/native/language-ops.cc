// Operations of a language model's decoder, as fused-ops.cc has them for the vision transformer. R rows.
#include "decoder-layer.h"
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
  if (call.ok()) ps3::Rotary(call.Data(0), call.Data(1), call.Data(2), out, width, rows, width / (2 * half), half);
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

// Input `words` holds a matrix [rows, columns] in a format, and input `scales` its factors.
bool CheckWeights(Call& call, int64_t format, int64_t rows, int64_t columns, int words, int scales) {
  call.Check(call.ok() && format >= ps3::kBfloat16 && format <= ps3::kFloat32 && rows > 0 && columns > 0,
             "unknown format or no size");
  return call.Check(call.Size(words) * 4 >= ps3::MatrixBytes(format, rows, columns) &&
                        call.Size(scales) >= ps3::MatrixScales(format, rows, columns),
                    "words or scales are fewer than the matrix needs");
}
bool CheckPacked(Call& call, const Attributes& a, int words) {
  call.Check(a.format != ps3::kFloat32, "unknown format or no size");
  return CheckWeights(call, a.format, a.rows, a.columns, words, words + 1);
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
  call.Check(ps3::WithFormat(attributes.format,
                             [&](auto make) {
                               const auto w = make(call.Data<void>(1), call.Data(2), in);
                               return ps3::FewRows(w, x, bias, y, count, out);
                             }),
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
  ps3::WithFormat(attributes.format, [&](auto make) {
    ps3::Unpack(make(call.Data<void>(0), call.Data(1), attributes.columns), ids, count, to);
    return true;
  });
}

enum DecoderInput { kX, kCos, kSin, kSettled, kRecent, kInputNorm, kMlpNorm, kQBias, kKBias, kVBias, kMatrices };
constexpr int kDecoderMatrices = 7;

// x [R, hidden], cos and sin [R, D / 2], keys | values seen before: settled and recent [1, P, 2KD] (not read without
// has_settled, has_recent), both norms [hidden], biases [HD], [KD], [KD]; q, k, v, o, gate, up, down in one format, then
// their scales -> the next layer's x [R, hidden], recent with the keys | values of x [1, P + R, 2KD]
void DecoderLayer(void* kernel, TF_OpKernelContext* context) {
  const auto& a = *static_cast<Attributes*>(kernel);
  Call call(context);
  call.Check(call.ok() && call.Rank(kX) == 2 && call.Rank(kCos) == 2 && call.Rank(kSin) == 2,
             "x, cos and sin must be matrices");
  if (!call.ok()) return;
  const int64_t rows = call.Dim(kX, 0), hidden = call.Dim(kX, 1), half = call.Dim(kCos, 1), width = 2 * half;
  call.Check(rows > 0, "there is no token");
  call.Check(a.heads > 0 && a.kv_heads > 0 && half > 0 && a.heads % a.kv_heads == 0, "no heads, or they cannot share keys");
  const int64_t q_width = a.heads * width, kv_width = a.kv_heads * width, inner = a.rows;
  call.Check(call.Dim(kCos, 0) == rows && call.Dim(kSin, 0) == rows && call.Dim(kSin, 1) == half,
             "cos and sin must have a row for each row of x");
  call.Check(call.Size(kInputNorm) == hidden && call.Size(kMlpNorm) == hidden, "norms must be as wide as x");
  call.Check(call.Size(kQBias) == q_width && call.Size(kKBias) == kv_width && call.Size(kVBias) == kv_width,
             "biases must be as long as all heads are wide");
  const int64_t shapes[kDecoderMatrices][2] = {{q_width, hidden}, {kv_width, hidden}, {kv_width, hidden}, {hidden, q_width},
                                               {inner, hidden},   {inner, hidden},    {hidden, inner}};
  for (int i = 0; i < kDecoderMatrices; ++i)
    CheckWeights(call, a.format, shapes[i][0], shapes[i][1], kMatrices + i, kMatrices + kDecoderMatrices + i);
  ps3::Rows before[2] = {};
  for (int i = 0; i < 2; ++i) {
    const int input = kSettled + i;
    if (!(i == 0 ? a.has_settled : a.has_recent)) continue;
    if (!call.Check(call.ok() && call.Rank(input) == 3 && call.Dim(input, 0) == 1 && call.Dim(input, 2) == 2 * kv_width,
                    "settled and recent must be [1, keys, 2 * num_kv_heads * head width]"))
      return;
    before[i] = {call.Data(input), nullptr, call.Dim(input, 1), 2 * kv_width};
  }
  const int64_t out_dims[] = {rows, hidden}, recent_dims[] = {1, before[1].count + rows, 2 * kv_width};
  float *out = call.Output(out_dims, 2), *recent = call.Output(recent_dims, 3, 1);
  if (!call.ok()) return;
  const auto run = [&](auto make) {
    const auto matrix = [&](int i) {
      return make(call.Data<void>(kMatrices + i), call.Data(kMatrices + kDecoderMatrices + i), shapes[i][1]);
    };
    return ps3::DecoderLayer(ps3::DecoderLayerProblem<decltype(matrix(0))>{
        rows, hidden, inner, a.heads, a.kv_heads, width, a.eps,
        call.Data(kX), call.Data(kCos), call.Data(kSin), {before[0], before[1]},
        call.Data(kInputNorm), call.Data(kMlpNorm), call.Data(kQBias), call.Data(kKBias), call.Data(kVBias),
        matrix(0), matrix(1), matrix(2), matrix(3), matrix(4), matrix(5), matrix(6), out, recent});
  };
  call.Check(ps3::WithFormat(a.format, run), "out of memory");
}

__attribute__((constructor)) void RegisterLanguageOps() {
  Register("Ps3RmsNorm", {"x", "weight"}, {"eps: float"}, RmsNorm);
  Register("Ps3SiluMul", {"gate", "up"}, {}, SiluMul);
  Register("Ps3Rotary", {"x", "cos", "sin"}, {}, Rotary);
  Register("Ps3FewRows", {"x", "weight", "bias"}, {"has_bias: bool"}, FewRows);
  Register("Ps3PackedRows", {"x", "words: int32", "scales", "bias"},
           {"format: int", "rows: int", "columns: int", "has_bias: bool"}, PackedRows);
  Register("Ps3DecoderLayer",
           {"x", "cos", "sin", "settled", "recent", "input_norm", "mlp_norm", "q_bias", "k_bias", "v_bias",
            "q: T", "k: T", "v: T", "o: T", "gate: T", "up: T", "down: T",
            "q_scales", "k_scales", "v_scales", "o_scales", "gate_scales", "up_scales", "down_scales"},
           {"T: {float, int32}", "num_heads: int", "num_kv_heads: int", "has_settled: bool", "has_recent: bool", "eps: float",
            "format: int", "rows: int"},
           DecoderLayer, {"out", "grown"});
  Register("Ps3UnpackRows", {"words: int32", "scales", "ids: int32"}, {"format: int", "rows: int", "columns: int"},
           UnpackRows);
}

}  // namespace
