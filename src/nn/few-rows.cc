// The operations EqlabRowsTimesMatrix and EqlabRowsTimesTransposed: products of a few rows [rows, in] with a large matrix, [in, out] or [out, in],
// as decoding needs them; with the ending Plus they add a bias [out]. TensorFlow rearranges the matrix for each product, which costs more than the
// product. Here it is read once, as it lies, by all cores. Each number is added up in the same order however many rows there are, so that a row does
// not depend on its batch.
#include <algorithm>
#include <cstdint>
#include <string>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

// Made twice, and chosen when the library is loaded: for processors with and without fused multiply-add (and AVX, which it implies).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("fma", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

namespace {

constexpr int64_t kLanes = 8;
constexpr int64_t kTile = 96, kWidth = 384;
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
  constexpr int64_t kDepth = 16; // the part of the matrix that all rows of x pass by while it is in the cache; long runs come fastest from memory
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

// As many pieces for each thread as are wide enough; the narrowest is a multiple of what one tile takes.
int64_t pieceWidth(int64_t out, int64_t threads) {
  const int64_t each = out / threads / kWidth, pieces = threads * (each > 1 ? each : 1);
  return (out / pieces + kTile - 1) / kTile * kTile;
}

template <bool transposed, bool plus>
void compute(eqlab::Call& call) {
  const auto rows = call.shape(0), matrix = call.shape(1);
  if (!call.good()) return;
  const Product sizes{nullptr, nullptr, nullptr, rows[0], rows[1], matrix[transposed ? 0 : 1]};
  call.expect(matrix[transposed ? 1 : 0] == sizes.in, "rows and matrix differ in the size that they share");
  if (plus) call.expect(eqlab::product(call.shape(2)) == sizes.out, "matrix and bias differ in the size of the output");
  float* y = call.output(0, {sizes.rows, sizes.out});
  const Product product{call.input(0), call.input(1), y, sizes.rows, sizes.in, sizes.out};
  const float* bias = plus ? call.input(2) : nullptr;
  if (!call.good() || product.in == 0 || product.out == 0) return;
  eqlab::Workers& workers = eqlab::Workers::all();
  const int64_t width = pieceWidth(product.out, workers.threads());
  workers.run((product.out + width - 1) / width, [&](int64_t piece) {
    const int64_t first = piece * width, end = std::min(first + width, product.out);
    (transposed ? timesTransposed : timesMatrix)(product, first, end);
    for (int64_t row = 0; plus && row < product.rows; row++)
      for (int64_t column = first; column < end; column++) y[row * product.out + column] += bias[column];
  });
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
bool defineBoth(const std::string& name) {
  return eqlab::define<compute<transposed, false>>(name.c_str(), {"rows: float", "matrix: float"}, {"product: float"}, inferShape<transposed>) &&
         eqlab::define<compute<transposed, true>>((name + "Plus").c_str(), {"rows: float", "matrix: float", "bias: float"}, {"product: float"},
                                                  inferShape<transposed>);
}

[[maybe_unused]] const bool registered = defineBoth<false>("EqlabRowsTimesMatrix") && defineBoth<true>("EqlabRowsTimesTransposed");

}  // namespace
