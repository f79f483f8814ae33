// y + low·m in the place of y: what an adapter of low rank adds to a linear module, without a tensor of its own for the product. See linear.ts.
#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

// y, result: [rows, size]; low: [rows, rank]; m: [rank, size].
struct Sum {
  const float *y, *low, *m;
  float* result;
  int64_t rank, size;
};

// R rows and C vectors at a time, so that each number of m and of low is loaded for several products.
template <int N, int R, int C, class Part>
INLINED void addTile(const Sum* s, int64_t row, int64_t column, Part part) {
  typename Lanes<N>::F sums[R][C];
  for (int r = 0; r < R; r++)
    for (int c = 0; c < C; c++) sums[r][c] = part.load(s->y + (row + r) * s->size + column + c * N);
  for (int64_t k = 0; k < s->rank; k++) {
    typename Lanes<N>::F m[C];
    for (int c = 0; c < C; c++) m[c] = part.load(s->m + k * s->size + column + c * N);
    for (int r = 0; r < R; r++) {
      const float low = s->low[(row + r) * s->rank + k];
      for (int c = 0; c < C; c++) sums[r][c] += low * m[c];
    }
  }
  for (int r = 0; r < R; r++)
    for (int c = 0; c < C; c++) part.store(s->result + (row + r) * s->size + column + c * N, sums[r][c]);
}

template <int N, int R>
INLINED void addRows(const Sum* s, int64_t row) {
  int64_t column = 0;
  for (; column + 2 * N <= s->size; column += 2 * N) addTile<N, R, 2>(s, row, column, Whole<N>{});
  each<N>(s->size - column, [&](auto part, int64_t i) INLINED_LAMBDA { addTile<N, R, 1>(s, row, column + i, part); });
}

struct AddLowRank {
  template <int N>
  static INLINED void run(const Sum* s, int64_t first, int64_t end) {
    int64_t row = first;
    for (; row + 4 <= end; row += 4) addRows<N, 4>(s, row);
    for (; row < end; row++) addRows<N, 1>(s, row);
  }
};

void compute(Call& call) {
  const auto shape = call.shape(0), low = call.shape(1), m = call.shape(2);
  call.expect(shape.size() == 2 && low.size() == 2 && m.size() == 2 && low[0] == shape[0] && low[1] == m[0] && m[1] == shape[1],
              "y, low and m are not of [rows, size], [rows, rank] and [rank, size]");
  float* result = call.output(0, shape, {0});
  const float *y = call.input(0), *factors = call.input(1), *matrix = call.input(2);
  if (!call.good()) return;
  const Sum sum{y, factors, matrix, result, m[0], shape[1]};
  Workers::all().range(shape[0], 4 * (kSmallest / (4 * (sum.size + 1)) + 1), [&](int64_t first, int64_t end) {
    eqlab::run<AddLowRank>(&sum, first, end);
  });
}

[[maybe_unused]] const bool registered =
    define<compute>("EqlabAddLowRank", {"y: float", "low: float", "m: float"}, {"sum: float"}, shapesOf<0>);

}  // namespace
