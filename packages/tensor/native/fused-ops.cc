// Fused operations of a vision transformer for TensorFlow's CPU device, through TensorFlow's C API: they register when
// this library is loaded. Float32 only. Shapes: B batch, N queries, M keys before or of the queries, C width.
#include <string>

#include "attention.h"
#include "elementwise.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace {

class Status {
 public:
  ~Status() { TF_DeleteStatus(status_); }
  TF_Status* get() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  TF_Status* status_ = TF_NewStatus();
};

// The inputs and the output of one call; an error is reported once and makes all later steps do nothing.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {
    for (int i = 0; i < TF_NumInputs(context) && ok_; ++i) {
      TF_GetInput(context, i, &inputs_[i], status_.get());
      count_ = i + 1;
      if (!status_.ok()) Fail();
    }
  }
  ~Call() {
    for (int i = 0; i < count_; ++i) TF_DeleteTensor(inputs_[i]);
    if (output_) TF_DeleteTensor(output_);
  }
  bool ok() const { return ok_; }
  int Rank(int input) const { return TF_NumDims(inputs_[input]); }
  int64_t Dim(int input, int axis) const { return TF_Dim(inputs_[input], axis < 0 ? Rank(input) + axis : axis); }
  int64_t Size(int input) const { return TF_TensorElementCount(inputs_[input]); }
  const float* Data(int input) const { return static_cast<const float*>(TF_TensorData(inputs_[input])); }

  bool Check(bool condition, const char* message) {
    if (!ok_ || condition) return ok_;
    TF_SetStatus(status_.get(), TF_INVALID_ARGUMENT, message);
    Fail();
    return false;
  }
  float* Output(const int64_t* dims, int rank) {
    if (!ok_) return nullptr;
    size_t bytes = sizeof(float);
    for (int i = 0; i < rank; ++i) bytes *= dims[i];
    output_ = TF_AllocateOutput(context_, 0, TF_FLOAT, dims, rank, bytes, status_.get());
    if (!status_.ok()) Fail();
    return ok_ ? static_cast<float*>(TF_TensorData(output_)) : nullptr;
  }
  float* OutputLike(int input) {
    int64_t dims[8];
    if (!Check(Rank(input) <= 8, "at most 8 dimensions")) return nullptr;
    for (int i = 0; i < Rank(input); ++i) dims[i] = Dim(input, i);
    return Output(dims, Rank(input));
  }

 private:
  void Fail() {
    ok_ = false;
    TF_OpKernelContext_Failure(context_, status_.get());
  }
  TF_OpKernelContext* context_;
  Status status_;
  TF_Tensor* inputs_[4] = {};
  TF_Tensor* output_ = nullptr;
  int count_ = 0;
  bool ok_ = true;
};

struct Attributes {
  int64_t heads = 1, kv_heads = 1, causal_offset = 0;
  unsigned char causal = 0, tanh = 0;
  float eps = 0;
};

void* Create(TF_OpKernelConstruction* construction) {
  auto* attributes = new Attributes();
  Status status;
  const auto has = [&](const char* name) { return TF_OpKernelConstruction_HasAttr(construction, name, status.get()); };
  const auto integer = [&](const char* name, int64_t* to) {
    if (has(name)) TF_OpKernelConstruction_GetAttrInt64(construction, name, to, status.get());
  };
  const auto boolean = [&](const char* name, unsigned char* to) {
    if (has(name)) TF_OpKernelConstruction_GetAttrBool(construction, name, to, status.get());
  };
  integer("num_heads", &attributes->heads);
  integer("num_kv_heads", &attributes->kv_heads);
  integer("causal_offset", &attributes->causal_offset);
  boolean("causal", &attributes->causal);
  boolean("tanh", &attributes->tanh);
  if (has("eps")) TF_OpKernelConstruction_GetAttrFloat(construction, "eps", &attributes->eps, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return attributes;
}

void Delete(void* kernel) { delete static_cast<Attributes*>(kernel); }

// qkv [B, N, 3C] (q | k | v), bias [3C], prefix [B, M, 2C] (k | v, bias included) -> [B, N, C]
void SelfAttention(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 3 && call.Rank(2) == 3, "qkv and prefix must have 3 dimensions");
  if (!call.ok()) return;
  const int64_t batch = call.Dim(0, 0), count = call.Dim(0, 1), width = call.Dim(0, 2) / 3, before = call.Dim(2, 1);
  call.Check(attributes.heads > 0 && call.Dim(0, 2) == width * 3 && width % attributes.heads == 0,
             "the last axis of qkv must be 3 * num_heads * head width");
  call.Check(call.Size(1) == width * 3, "bias must be as long as the last axis of qkv");
  call.Check(call.Dim(2, 0) == batch && call.Dim(2, 2) == width * 2, "prefix must be [batch, keys, 2/3 of qkv's width]");
  const int64_t dims[] = {batch, count, width};
  float* out = call.Output(dims, 3);
  if (!call.ok() || batch * count * width == 0) return;
  const float *qkv = call.Data(0), *bias = call.Data(1), *prefix = call.Data(2);
  ps3::AttentionProblem problem{batch, attributes.heads, attributes.heads, width / attributes.heads, {}, false, 0};
  problem.entry = [=](int64_t b) {
    const float *own = qkv + b * count * width * 3, *cached = prefix + b * before * width * 2;
    return ps3::AttentionProblem::Entry{
        {own, bias, count, width * 3},
        {{cached, nullptr, before, width * 2}, {own + width, bias + width, count, width * 3}},
        {{cached + width, nullptr, before, width * 2}, {own + width * 2, bias + width * 2, count, width * 3}},
        out + b * count * width,
        width};
  };
  call.Check(ps3::Attention(problem), "out of memory");
}

// q [B, N, C], k and v [B, M, kv_heads * C / heads] -> [B, N, C]
void Attention(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  call.Check(call.ok() && call.Rank(0) == 3 && call.Rank(1) == 3 && call.Rank(2) == 3,
             "q, k and v must have 3 dimensions");
  if (!call.ok()) return;
  const int64_t batch = call.Dim(0, 0), count = call.Dim(0, 1), width = call.Dim(0, 2), keys = call.Dim(1, 1);
  call.Check(attributes.heads > 0 && attributes.kv_heads > 0 && width % attributes.heads == 0 &&
                 attributes.heads % attributes.kv_heads == 0,
             "heads must divide the width and be a multiple of num_kv_heads");
  if (!call.ok()) return;
  const int64_t kv_width = width / attributes.heads * attributes.kv_heads;
  for (int input = 1; input < 3; ++input) {
    call.Check(call.Dim(input, 0) == batch && call.Dim(input, 1) == keys && call.Dim(input, 2) == kv_width,
               "k and v must be [batch, keys, num_kv_heads * head width]");
  }
  const int64_t dims[] = {batch, count, width};
  float* out = call.Output(dims, 3);
  if (!call.ok() || batch * count * width == 0) return;
  const float *q = call.Data(0), *k = call.Data(1), *v = call.Data(2);
  ps3::AttentionProblem problem{batch, attributes.heads,      attributes.kv_heads, width / attributes.heads,
                                {},    attributes.causal != 0, attributes.causal_offset};
  problem.entry = [=](int64_t b) {
    return ps3::AttentionProblem::Entry{{q + b * count * width, nullptr, count, width},
                                        {{k + b * keys * kv_width, nullptr, keys, kv_width}, {}},
                                        {{v + b * keys * kv_width, nullptr, keys, kv_width}, {}},
                                        out + b * count * width,
                                        width};
  };
  call.Check(ps3::Attention(problem), "out of memory");
}

// x [..., C], weight [C], bias [C] -> [..., C]
void LayerNorm(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) > 0, "x must have an axis");
  if (!call.ok()) return;
  const int64_t width = call.Dim(0, -1);
  call.Check(call.Size(1) == width && call.Size(2) == width, "weight and bias must be as long as x's last axis");
  float* out = call.OutputLike(0);
  if (!call.ok() || call.Size(0) == 0) return;
  ps3::LayerNorm(call.Data(0), call.Data(1), call.Data(2), out, call.Size(0) / width, width,
                 static_cast<Attributes*>(kernel)->eps);
}

// gelu(x + bias): x [..., C], bias [C] -> [..., C]
void BiasGelu(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  call.Check(call.ok() && call.Rank(0) > 0, "x must have an axis");
  if (!call.ok()) return;
  const int64_t width = call.Dim(0, -1);
  call.Check(call.Size(1) == width, "bias must be as long as x's last axis");
  float* out = call.OutputLike(0);
  if (!call.ok() || call.Size(0) == 0) return;
  const int64_t rows = call.Size(0) / width;
  if (static_cast<Attributes*>(kernel)->tanh) {
    ps3::BiasThen([](ps3::F8 x) { return ps3::GeluTanh(x); }, call.Data(0), call.Data(1), out, rows, width);
  } else {
    ps3::BiasThen([](ps3::F8 x) { return ps3::Gelu(x); }, call.Data(0), call.Data(1), out, rows, width);
  }
}

void UnknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

void Register(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> attrs,
              void (*compute)(void*, TF_OpKernelContext*)) {
  Status status;
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, (std::string(input) + ": float").c_str());
  for (const char* attr : attrs) TF_OpDefinitionBuilderAddAttr(op, attr);
  TF_OpDefinitionBuilderAddOutput(op, "out: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, UnknownShape);
  TF_RegisterOpDefinition(op, status.get());
  if (!status.ok()) return;
  TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", Create, compute, Delete), status.get());
}

// TensorFlow aborts when a name is registered twice; a library's constructors run once per process.
__attribute__((constructor)) void RegisterAll() {
  Register("Ps3SelfAttention", {"qkv", "bias", "prefix"}, {"num_heads: int"}, SelfAttention);
  Register("Ps3Attention", {"q", "k", "v"},
           {"num_heads: int", "num_kv_heads: int", "causal: bool", "causal_offset: int"}, Attention);
  Register("Ps3LayerNorm", {"x", "weight", "bias"}, {"eps: float"}, LayerNorm);
  Register("Ps3BiasGelu", {"x", "bias"}, {"tanh: bool"}, BiasGelu);
}

}  // namespace
