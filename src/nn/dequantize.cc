// The operation EqlabNf4: the numbers that a weight in NF4 stands for, in one pass; TensorFlow's own gather takes as long as the product that needs
// them. It knows no rules, only tables: value = pairs[code] * (magnitudes[m] * scale + mean). See quantized.ts, which also holds it in plain operations.
#include <cstdint>
#include <initializer_list>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace {

constexpr int64_t kBlock = 64, kGroup = 256;
enum Input { kCodes, kMagnitudes, kScales, kMean, kPairs, kDynamic, kInputs };

void compute(void*, TF_OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* tensors[kInputs] = {};
  for (int i = 0; i < kInputs && TF_GetCode(status) == TF_OK; i++) TF_GetInput(context, i, &tensors[i], status);
  TF_Tensor* output = nullptr;
  if (TF_GetCode(status) == TF_OK) {
    const int64_t shape[2] = {TF_Dim(tensors[kCodes], 0), kBlock};
    output = TF_AllocateOutput(context, 0, TF_FLOAT, shape, 2, shape[0] * kBlock * sizeof(float), status);
  }
  if (TF_GetCode(status) == TF_OK) {
    const auto* codes = static_cast<const uint8_t*>(TF_TensorData(tensors[kCodes]));
    const auto* magnitudes = static_cast<const uint8_t*>(TF_TensorData(tensors[kMagnitudes]));
    const auto* scales = static_cast<const float*>(TF_TensorData(tensors[kScales]));
    const float mean = *static_cast<const float*>(TF_TensorData(tensors[kMean]));
    const auto* pairs = static_cast<const float*>(TF_TensorData(tensors[kPairs]));
    const auto* dynamic = static_cast<const float*>(TF_TensorData(tensors[kDynamic]));
    auto* values = static_cast<float*>(TF_TensorData(output));
    const int64_t blocks = TF_Dim(tensors[kCodes], 0);
    for (int64_t block = 0; block < blocks; block++) {
      const float magnitude = dynamic[magnitudes[block]] * scales[block / kGroup] + mean;
      for (int64_t i = 0; i < kBlock / 2; i++, codes++, values += 2) {
        values[0] = pairs[2 * *codes] * magnitude;
        values[1] = pairs[2 * *codes + 1] * magnitude;
      }
    }
  } else {
    TF_OpKernelContext_Failure(context, status);
  }
  for (TF_Tensor* tensor : tensors) TF_DeleteTensor(tensor);
  TF_DeleteTensor(output);
  TF_DeleteStatus(status);
}

// [blocks, 64] for codes [blocks, 8].
void inferShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* codes = TF_NewShapeHandle();
  TF_ShapeHandle* result = TF_NewShapeHandle();
  TF_ShapeHandle* row = TF_ShapeInferenceContextVectorFromSize(context, kBlock);
  TF_ShapeInferenceContextGetInput(context, kCodes, codes, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSubshape(context, codes, 0, 1, result, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextConcatenateShapes(context, result, row, result, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, result, status);
  for (TF_ShapeHandle* handle : {codes, result, row}) TF_DeleteShapeHandle(handle);
}

[[maybe_unused]] const bool registered = [] {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder("EqlabNf4");
  for (const char* input : {"codes: int32", "magnitudes: int32", "scales: float", "mean: float", "pairs: float", "dynamic: float"})
    TF_OpDefinitionBuilderAddInput(definition, input);
  TF_OpDefinitionBuilderAddOutput(definition, "values: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, inferShape);
  TF_RegisterOpDefinition(definition, status);
  TF_RegisterKernelBuilder("EqlabNf4", TF_NewKernelBuilder("EqlabNf4", "CPU", nullptr, compute, nullptr), status);
  const bool done = TF_GetCode(status) == TF_OK;
  TF_DeleteStatus(status);
  return done;
}();

}  // namespace
