// The operations EqlabRowsTimesMatrix and EqlabRowsTimesTransposed: products of a few rows [rows, in] with a large matrix, [in, out] or [out, in],
// as decoding needs them. TensorFlow rearranges the matrix for each product, which costs more than the product. Here it is read once, as it lies,
// by all cores. Each number is added up in the same order however many rows there are, so that a row does not depend on its batch.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <thread>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

// Made twice, and chosen when the library is loaded: for processors with and without fused multiply-add (and AVX, which it implies).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("fma", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINED inline __attribute__((always_inline))

namespace {

constexpr int64_t kLanes = 8;
constexpr int64_t kPiece = 96;
using Lanes = float __attribute__((vector_size(32), aligned(4), may_alias));

INLINED Lanes load(const float* at) { return *reinterpret_cast<const Lanes*>(at); }

struct Product {
  const float* x;
  const float* matrix;
  float* y;
  int64_t rows, in, out;
};

// y[row..row+R, column..column+C] of x·Wᵀ.
template <int R, int C>
INLINED void dotTile(const Product& p, int64_t row, int64_t column) {
  const float* x = p.x + row * p.in;
  const float* w = p.matrix + column * p.in;
  Lanes sums[R][C] = {};
  int64_t k = 0;
  for (; k + kLanes <= p.in; k += kLanes) {
    Lanes other[C];
    for (int c = 0; c < C; c++) other[c] = load(w + c * p.in + k);
    for (int r = 0; r < R; r++) {
      const Lanes own = load(x + r * p.in + k);
      for (int c = 0; c < C; c++) sums[r][c] += own * other[c];
    }
  }
  for (int r = 0; r < R; r++) {
    for (int c = 0; c < C; c++) {
      float sum = 0;
      for (int i = 0; i < kLanes; i++) sum += sums[r][c][i];
      for (int64_t rest = k; rest < p.in; rest++) sum += x[r * p.in + rest] * w[c * p.in + rest];
      p.y[(row + r) * p.out + column + c] = sum;
    }
  }
}

template <int R, int C>
INLINED void dotTiles(const Product& p, int64_t row, int64_t first, int64_t end) {
  int64_t column = first;
  for (; column + C <= end; column += C) dotTile<R, C>(p, row, column);
  for (; column < end; column++) dotTile<R, 1>(p, row, column);
}

FOR_EACH_PROCESSOR void timesTransposed(const Product& p, int64_t first, int64_t end) {
  constexpr int64_t kBlock = 12; // rows of the matrix that all rows of x pass by while they are in the cache
  for (int64_t column = first; column < end; column += kBlock) {
    const int64_t stop = column + kBlock < end ? column + kBlock : end;
    int64_t row = 0;
    for (; row + 4 <= p.rows; row += 4) dotTiles<4, 3>(p, row, column, stop);
    if (p.rows - row == 3) dotTiles<3, 4>(p, row, column, stop);
    if (p.rows - row == 2) dotTiles<2, 4>(p, row, column, stop);
    if (p.rows - row == 1) dotTiles<1, 6>(p, row, column, stop);
  }
}

// Adds x[row..row+R, from..to] · W[from..to, column..column+8C] to y.
template <int R, int C>
INLINED void sumTile(const Product& p, int64_t row, int64_t column, int64_t from, int64_t to) {
  Lanes sums[R][C] = {};
  if (from > 0) {
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++) sums[r][c] = load(p.y + (row + r) * p.out + column + c * kLanes);
  }
  for (int64_t k = from; k < to; k++) {
    const float* w = p.matrix + k * p.out + column;
    Lanes other[C];
    for (int c = 0; c < C; c++) other[c] = load(w + c * kLanes);
    for (int r = 0; r < R; r++) {
      const float own = p.x[(row + r) * p.in + k];
      for (int c = 0; c < C; c++) sums[r][c] += own * other[c];
    }
  }
  for (int r = 0; r < R; r++)
    for (int c = 0; c < C; c++) *reinterpret_cast<Lanes*>(p.y + (row + r) * p.out + column + c * kLanes) = sums[r][c];
}

template <int R, int C>
INLINED void sumTiles(const Product& p, int64_t row, int64_t first, int64_t end, int64_t from, int64_t to) {
  int64_t column = first;
  for (; column + C * kLanes <= end; column += C * kLanes) sumTile<R, C>(p, row, column, from, to);
  for (; column + kLanes <= end; column += kLanes) sumTile<R, 1>(p, row, column, from, to);
  for (; column < end; column++) {
    for (int64_t r = row; r < row + R; r++) {
      float sum = from > 0 ? p.y[r * p.out + column] : 0;
      for (int64_t k = from; k < to; k++) sum += p.x[r * p.in + k] * p.matrix[k * p.out + column];
      p.y[r * p.out + column] = sum;
    }
  }
}

FOR_EACH_PROCESSOR void timesMatrix(const Product& p, int64_t first, int64_t end) {
  constexpr int64_t kWidth = kPiece, kDepth = 64; // the part of the matrix that all rows of x pass by while it is in the cache
  for (int64_t column = first; column < end; column += kWidth) {
    const int64_t stop = column + kWidth < end ? column + kWidth : end;
    for (int64_t from = 0; from < p.in; from += kDepth) {
      const int64_t to = from + kDepth < p.in ? from + kDepth : p.in;
      int64_t row = 0;
      for (; row + 4 <= p.rows; row += 4) sumTiles<4, 3>(p, row, column, stop, from, to);
      if (p.rows - row == 3) sumTiles<3, 4>(p, row, column, stop, from, to);
      if (p.rows - row == 2) sumTiles<2, 6>(p, row, column, stop, from, to);
      if (p.rows - row == 1) sumTiles<1, 12>(p, row, column, stop, from, to);
    }
  }
}

// Work in numbered pieces, taken by whoever is free.
struct Job {
  const std::function<void(int64_t piece)>& work;
  const int64_t pieces;
  std::atomic<int64_t> next{0}, done{0};
  Job(const std::function<void(int64_t)>& work, int64_t pieces) : work(work), pieces(pieces) {}

  void help() {
    for (int64_t piece; (piece = next.fetch_add(1)) < pieces; done.fetch_add(1)) work(piece);
  }
};

// One thread a core beside the caller's, who does alone what no other has come to yet.
class Workers {
 public:
  static Workers& all() {
    static Workers* workers = new Workers; // never destroyed: its threads wait until the process ends
    return *workers;
  }
  int64_t threads() const { return count_ + 1; }
  void run(int64_t pieces, const std::function<void(int64_t piece)>& work) {
    const auto job = std::make_shared<Job>(work, pieces);
    if (count_ > 0 && pieces > 1) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        job_ = job;
        turn_.fetch_add(1);
      }
      wake_.notify_all();
    }
    job->help();
    while (job->done.load() < pieces) std::this_thread::yield();
  }

 private:
  Workers() {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    count_ = cores > 16 ? 15 : cores - 1;
    for (int i = 0; i < count_; i++) std::thread([this] { serve(); }).detach();
  }
  void serve() {
    for (uint64_t seen = 0;;) {
      for (int spin = 0; spin < kSpins && turn_.load() == seen; spin++) pause();
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return turn_.load() != seen; });
        seen = turn_.load();
        job = job_;
      }
      job->help();
    }
  }
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  static constexpr int kSpins = 2000; // some 50 microseconds: the next product of a step comes soon
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> turn_{0};
  std::shared_ptr<Job> job_;
  int count_ = 0;
};

template <bool transposed>
void compute(void*, TF_OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* inputs[2] = {};
  TF_Tensor* output = nullptr;
  for (int i = 0; i < 2 && TF_GetCode(status) == TF_OK; i++) TF_GetInput(context, i, &inputs[i], status);
  if (TF_GetCode(status) == TF_OK) {
    const int64_t rows = TF_Dim(inputs[0], 0), in = TF_Dim(inputs[0], 1), out = TF_Dim(inputs[1], transposed ? 0 : 1);
    if (TF_Dim(inputs[1], transposed ? 1 : 0) != in) TF_SetStatus(status, TF_INVALID_ARGUMENT, "rows and matrix differ in the size that they share");
    const int64_t shape[2] = {rows, out};
    if (TF_GetCode(status) == TF_OK) output = TF_AllocateOutput(context, 0, TF_FLOAT, shape, 2, rows * out * sizeof(float), status);
    if (TF_GetCode(status) == TF_OK && in > 0) {
      const Product product{static_cast<const float*>(TF_TensorData(inputs[0])), static_cast<const float*>(TF_TensorData(inputs[1])),
                            static_cast<float*>(TF_TensorData(output)), rows, in, out};
      Workers& workers = Workers::all();
      // Some pieces for each thread, each a multiple of what stays in the cache.
      const int64_t width = (out / (4 * workers.threads()) / kPiece + 1) * kPiece;
      workers.run((out + width - 1) / width, [&](int64_t piece) {
        const int64_t first = piece * width;
        (transposed ? timesTransposed : timesMatrix)(product, first, first + width < out ? first + width : out);
      });
    }
  }
  if (TF_GetCode(status) != TF_OK) TF_OpKernelContext_Failure(context, status);
  for (TF_Tensor* input : inputs) TF_DeleteTensor(input);
  TF_DeleteTensor(output);
  TF_DeleteStatus(status);
}

// [rows, out]
template <bool transposed>
void inferShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* handles[4];
  for (TF_ShapeHandle*& handle : handles) handle = TF_NewShapeHandle();
  auto& [rows, matrix, height, width] = handles;
  const int64_t from = transposed ? 0 : 1;
  TF_ShapeInferenceContextGetInput(context, 0, rows, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextGetInput(context, 1, matrix, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSubshape(context, rows, 0, 1, height, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSubshape(context, matrix, from, from + 1, width, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextConcatenateShapes(context, height, width, height, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, height, status);
  for (TF_ShapeHandle* handle : handles) TF_DeleteShapeHandle(handle);
}

template <bool transposed>
void define(const char* name, TF_Status* status) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* input : {"rows: float", "matrix: float"}) TF_OpDefinitionBuilderAddInput(definition, input);
  TF_OpDefinitionBuilderAddOutput(definition, "product: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, inferShape<transposed>);
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) == TF_OK)
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", nullptr, compute<transposed>, nullptr), status);
}

[[maybe_unused]] const bool registered = [] {
  TF_Status* status = TF_NewStatus();
  define<false>("EqlabRowsTimesMatrix", status);
  if (TF_GetCode(status) == TF_OK) define<true>("EqlabRowsTimesTransposed", status);
  const bool done = TF_GetCode(status) == TF_OK;
  TF_DeleteStatus(status);
  return done;
}();

}  // namespace
