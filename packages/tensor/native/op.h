// What an operation of ours needs of TensorFlow's C API: its arguments, its attributes and its registration.
#pragma once
#include <cstring>
#include <initializer_list>
#include <string>

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

// The inputs and outputs of one call; an error is reported once and makes all later steps do nothing.
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
    for (TF_Tensor* output : outputs_)
      if (output) TF_DeleteTensor(output);
  }
  bool ok() const { return ok_; }
  int Rank(int input) const { return TF_NumDims(inputs_[input]); }
  int64_t Dim(int input, int axis) const { return TF_Dim(inputs_[input], axis < 0 ? Rank(input) + axis : axis); }
  int64_t Size(int input) const { return TF_TensorElementCount(inputs_[input]); }
  template <typename T = float>
  const T* Data(int input) const {
    return static_cast<const T*>(TF_TensorData(inputs_[input]));
  }

  bool Check(bool condition, const char* message) {
    if (!ok_ || condition) return ok_;
    TF_SetStatus(status_.get(), TF_INVALID_ARGUMENT, message);
    Fail();
    return false;
  }
  float* Output(const int64_t* dims, int rank, int index = 0) {
    if (!ok_) return nullptr;
    size_t bytes = sizeof(float);
    for (int i = 0; i < rank; ++i) bytes *= dims[i];
    outputs_[index] = TF_AllocateOutput(context_, index, TF_FLOAT, dims, rank, bytes, status_.get());
    if (!status_.ok()) Fail();
    return ok_ ? static_cast<float*>(TF_TensorData(outputs_[index])) : nullptr;
  }
  float* OutputLike(int input, int index = 0) {
    int64_t dims[8];
    if (!Check(Rank(input) <= 8, "at most 8 dimensions")) return nullptr;
    for (int i = 0; i < Rank(input); ++i) dims[i] = Dim(input, i);
    return Output(dims, Rank(input), index);
  }

 private:
  void Fail() {
    ok_ = false;
    TF_OpKernelContext_Failure(context_, status_.get());
  }
  TF_OpKernelContext* context_;
  Status status_;
  TF_Tensor* inputs_[24] = {};
  TF_Tensor* outputs_[3] = {};
  int count_ = 0;
  bool ok_ = true;
};

struct Attributes {
  int64_t heads = 1, kv_heads = 1, causal_offset = 0, prefixes = 0, format = 0, rows = 0, columns = 0;
  unsigned char causal = 0, tanh = 0, has_bias = 0, has_settled = 0, has_recent = 0;
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
  integer("prefixes", &attributes->prefixes);
  integer("format", &attributes->format);
  integer("rows", &attributes->rows);
  integer("columns", &attributes->columns);
  boolean("causal", &attributes->causal);
  boolean("tanh", &attributes->tanh);
  boolean("has_bias", &attributes->has_bias);
  boolean("has_settled", &attributes->has_settled);
  boolean("has_recent", &attributes->has_recent);
  if (has("eps")) TF_OpKernelConstruction_GetAttrFloat(construction, "eps", &attributes->eps, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return attributes;
}

void Delete(void* kernel) { delete static_cast<Attributes*>(kernel); }

void UnknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

// Inputs are float unless they name a type ("ids: int32"); outputs are float.
void Register(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> attrs,
              void (*compute)(void*, TF_OpKernelContext*), std::initializer_list<const char*> outputs = {"out"}) {
  Status status;
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  const auto typed = [](const char* name) {
    return std::strchr(name, ':') ? std::string(name) : std::string(name) + ": float";
  };
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, typed(input).c_str());
  for (const char* attr : attrs) TF_OpDefinitionBuilderAddAttr(op, attr);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(op, typed(output).c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, UnknownShape);
  TF_RegisterOpDefinition(op, status.get());
  if (!status.ok()) return;
  TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", Create, compute, Delete), status.get());
}

}  // namespace
