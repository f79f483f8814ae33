// The steps of a TensorFlow kernel in its C API, for operations of f32 on the CPU.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace eqlab {

// How many numbers are there.
inline int64_t product(const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (int64_t length : shape) size *= length;
  return size;
}

// One call of an operation. After the first error everything gives nothing; the end of the call reports it.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  Call(const Call&) = delete;
  ~Call() {
    if (!good()) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  bool good() const { return TF_GetCode(status_) == TF_OK; }
  void expect(bool condition, const char* message) {
    if (good() && !condition) TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
  }

  // Sizes of an input, which is not held, so that an output may still take its place.
  std::vector<int64_t> shape(int input) {
    std::vector<int64_t> found;
    TF_Tensor* tensor = nullptr;
    if (good()) TF_GetInput(context_, input, &tensor, status_);
    for (int i = 0; tensor != nullptr && i < TF_NumDims(tensor); i++) found.push_back(TF_Dim(tensor, i));
    TF_DeleteTensor(tensor);
    return found;
  }

  // An output, in the place of one of `reusable` where nobody else needs that input. Ask for all outputs before the values of inputs.
  float* output(int index, const std::vector<int64_t>& shape, std::initializer_list<int> reusable = {}) {
    if (!good()) return nullptr;
    TF_Tensor* tensor = TF_ForwardInputOrAllocateOutput(context_, reusable.begin(), static_cast<int>(reusable.size()), index, shape.data(),
                                                        static_cast<int>(shape.size()), nullptr, status_);
    return static_cast<float*>(held(tensor));
  }

  template <class T = float>
  const T* input(int index) {
    if (!good()) return nullptr;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    return static_cast<const T*>(held(tensor));
  }

  // An input of one number.
  template <class T = float>
  T scalar(int index) {
    expect(product(shape(index)) == 1, "an input is not a single number");
    const T* value = input<T>(index);
    return value == nullptr ? T{} : *value;
  }

 private:
  void* held(TF_Tensor* tensor) {
    if (tensor == nullptr) return nullptr;
    tensors_.push_back(tensor);
    return TF_TensorData(tensor);
  }

  TF_OpKernelContext* context_;
  TF_Status* status_ = TF_NewStatus();
  std::vector<TF_Tensor*> tensors_;
};

// For operations whose outputs have the shapes of inputs: the first output that of the input whose number comes first, and so on.
template <int... inputs>
void shapesOf(TF_ShapeInferenceContext* context, TF_Status* status) {
  int output = 0;
  for (int input : {inputs...}) {
    TF_ShapeHandle* shape = TF_NewShapeHandle();
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextGetInput(context, input, shape, status);
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output++, shape, status);
    TF_DeleteShapeHandle(shape);
  }
}

using Shapes = void (*)(TF_ShapeInferenceContext*, TF_Status*);

template <void (*compute)(Call&)>
void called(void*, TF_OpKernelContext* context) {
  Call call(context);
  compute(call);
}

// Registers an operation with its kernel. `inputs` and `outputs` as in TensorFlow's own definitions, "x: float". `stateful`: it does more than
// compute its outputs, so TensorFlow may neither leave it out nor do it once for two. True where that worked.
template <void (*compute)(Call&)>
bool define(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs, Shapes shapes,
            bool stateful = false) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shapes);
  TF_OpDefinitionBuilderSetIsStateful(definition, stateful);
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) == TF_OK)
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", nullptr, called<compute>, nullptr), status);
  const bool done = TF_GetCode(status) == TF_OK;
  TF_DeleteStatus(status);
  return done;
}

}  // namespace eqlab
