// The operation EqlabPlusBranch: what a low-rank adapter adds to a product of a few rows, y + scale·(x·Aᵀ)·Bᵀ. `rows` [n, in], `a` [rank, in],
// `b` [out, rank]. Each number is added up in the same order however many rows there are.
#include <algorithm>
#include <vector>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

struct Branch {
  const float *y, *x, *a, *b;
  float scale;
  float *low, *result; // [n, rank], [n, out]
  int64_t rows, in, rank, out;
};

// low = scale·x·Aᵀ, by one thread: it is little.
struct Narrow {
  template <int N>
  static INLINED void run(const Branch* p) {
    int64_t k = 0;
    for (; k + 4 <= p->rank; k += 4) columns<N, 4>(*p, k);
    for (; k < p->rank; k++) columns<N, 1>(*p, k);
  }

  template <int N, int C>
  static INLINED void columns(const Branch& p, int64_t k) {
    using L = Lanes<N>;
    for (int64_t row = 0; row < p.rows; row++) {
      const float* x = p.x + row * p.in;
      typename L::F sums[C] = {};
      each<N>(p.in, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto own = part.load(x + i);
        for (int c = 0; c < C; c++) sums[c] += own * part.load(p.a + (k + c) * p.in + i);
      });
      for (int c = 0; c < C; c++) p.low[row * p.rank + k + c] = p.scale * L::sum(sums[c]);
    }
  }
};

// Columns `first` to `end` of y + low·Bᵀ. Some rows of B are turned at a time, for all rows of x.
struct Wide {
  static constexpr int kMany = 4;

  template <int N>
  static INLINED void run(const Branch* p, int64_t first, int64_t end) {
    std::vector<float> turned(p->rank * kMany * N);
    for (int64_t column = first; column < end; column += kMany * N) {
      const int64_t count = std::min<int64_t>(kMany * N, end - column);
      for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < p->rank; k++) turned[k * kMany * N + i] = p->b[(column + i) * p->rank + k];
      for (int64_t row = 0; row < p->rows; row++) {
        const float *low = p->low + row * p->rank, *y = p->y + row * p->out + column;
        typename Lanes<N>::F sums[kMany] = {};
        std::memcpy(sums, y, count * sizeof(float));
        for (int64_t k = 0; k < p->rank; k++)
          for (int c = 0; c < kMany; c++) sums[c] += low[k] * Lanes<N>::load(&turned[(k * kMany + c) * N]);
        std::memcpy(p->result + row * p->out + column, sums, count * sizeof(float));
      }
    }
  }
};

enum Input { kY, kRows, kA, kB, kScale };

void compute(Call& call) {
  const auto y = call.shape(kY), rows = call.shape(kRows), a = call.shape(kA), b = call.shape(kB);
  call.expect(y.size() == 2 && rows.size() == 2 && a.size() == 2 && b.size() == 2 && y[0] == rows[0] && rows[1] == a[1] && a[0] == b[1] && b[0] == y[1],
              "the sizes of product, rows and adapter do not fit each other");
  float* result = call.output(0, y, {kY});
  const float scale = call.scalar(kScale);
  const float *from = call.input(kY), *x = call.input(kRows), *down = call.input(kA), *up = call.input(kB);
  if (!call.good()) return;
  std::vector<float> low(rows[0] * a[0]);
  const Branch branch{from, x, down, up, scale, low.data(), result, rows[0], rows[1], a[0], b[0]};
  run<Narrow, const Branch*>(&branch);
  Workers::all().range(branch.out, 256, [&](int64_t first, int64_t end) { run<Wide, const Branch*, int64_t, int64_t>(&branch, first, end); });
}

[[maybe_unused]] const bool registered =
    define<compute>("EqlabPlusBranch", {"y: float", "rows: float", "a: float", "b: float", "scale: float"}, {"sum: float"}, shapesOf<kY>);

}  // namespace
