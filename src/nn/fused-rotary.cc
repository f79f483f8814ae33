// Turns pairs (i, i + half) of the last axis: x·cos ± swapped(x)·sin in one pass, in the place of x. See rotary.ts.
#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

// x, result: [batch, heads, time, 2 half]; cos, sin: [batch, 1, time, 2 half].
struct Turn {
  const float *x, *cos, *sin;
  float* result;
  int64_t heads, time, half;
  float sign;
};

struct Rotate {
  template <int N>
  static INLINED void run(const Turn* turn, int64_t first, int64_t end) {
    const int64_t half = turn->half;
    for (int64_t r = first; r < end; r++) {
      const int64_t place = (r / (turn->heads * turn->time) * turn->time + r % turn->time) * 2 * half;
      const float *x = turn->x + r * 2 * half, *cos = turn->cos + place, *sin = turn->sin + place;
      float* result = turn->result + r * 2 * half;
      each<N>(half, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto a = part.load(x + i), b = part.load(x + half + i);
        part.store(result + i, a * part.load(cos + i) + b * part.load(sin + i) * turn->sign);
        part.store(result + half + i, b * part.load(cos + half + i) + a * part.load(sin + half + i) * turn->sign);
      });
    }
  }
};

void compute(Call& call) {
  const auto shape = call.shape(0), tables = call.shape(1);
  call.expect(shape.size() == 4 && shape[3] % 2 == 0 && tables == std::vector<int64_t>{shape[0], 1, shape[2], shape[3]} && call.shape(2) == tables,
              "x, cos and sin are not of [batch, heads, time, size] and [batch, 1, time, size]");
  const float sign = call.scalar(3);
  float* result = call.output(0, shape, {0});
  const float *x = call.input(0), *cos = call.input(1), *sin = call.input(2);
  if (!call.good()) return;
  const Turn turn{x, cos, sin, result, shape[1], shape[2], shape[3] / 2, sign};
  Workers::all().range(shape[0] * shape[1] * shape[2], kSmallest / (shape[3] + 1) + 1, [&](int64_t first, int64_t end) {
    eqlab::run<Rotate>(&turn, first, end);
  });
}

[[maybe_unused]] const bool registered =
    define<compute>("EqlabRotate", {"x: float", "cos: float", "sin: float", "sign: float"}, {"y: float"}, shapesOf<0>);

}  // namespace
