// Layer normalisation and root-mean-square normalisation over the last axis, and their gradients by x: one pass over memory each, several over a row
// while it is in the cache. The way back needs x alone; a row's mean and scale are found again. See norm.ts, which also holds them in plain operations.
#include <cmath>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

struct Norm {
  const float* x;
  const float* gamma;
  const float* beta; // null in an RMS norm
  const float* dy; // null on the way forward
  float* result;
  int64_t size;
  float epsilon;
};

template <int N>
INLINED float sumOf(const float* row, int64_t size) {
  auto sum = Lanes<N>::all(0);
  each<N>(size, [&](auto part, int64_t i) INLINED_LAMBDA { sum += part.load(row + i); });
  return Lanes<N>::sum(sum);
}

// 1 / sqrt(mean of squares + epsilon) of a row without its mean.
template <int N>
INLINED float scaleOf(const float* row, float mean, const Norm& norm) {
  auto sum = Lanes<N>::all(0);
  each<N>(norm.size, [&](auto part, int64_t i) INLINED_LAMBDA {
    const auto centred = part.load(row + i, mean) - mean;
    sum += centred * centred;
  });
  return 1 / std::sqrt(Lanes<N>::sum(sum) / norm.size + norm.epsilon);
}

template <bool centred>
struct Forward {
  template <int N>
  static INLINED void run(const Norm* norm, int64_t first, int64_t end) {
    for (int64_t r = first; r < end; r++) {
      const float* row = norm->x + r * norm->size;
      float* y = norm->result + r * norm->size;
      const float mean = centred ? sumOf<N>(row, norm->size) / norm->size : 0;
      const float scale = scaleOf<N>(row, mean, *norm);
      each<N>(norm->size, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto scaled = (part.load(row + i) - mean) * scale * part.load(norm->gamma + i);
        part.store(y + i, centred ? scaled + part.load(norm->beta + i) : scaled);
      });
    }
  }
};

// (d - mean(d) - normal * mean(d * normal)) * scale for d = dy * gamma; without mean(d) in an RMS norm.
template <bool centred>
struct Backward {
  template <int N>
  static INLINED void run(const Norm* norm, int64_t first, int64_t end) {
    for (int64_t r = first; r < end; r++) {
      const float* row = norm->x + r * norm->size;
      const float* dy = norm->dy + r * norm->size;
      float* dx = norm->result + r * norm->size;
      const float mean = centred ? sumOf<N>(row, norm->size) / norm->size : 0;
      const float scale = scaleOf<N>(row, mean, *norm);
      auto sum = Lanes<N>::all(0), projected = Lanes<N>::all(0);
      each<N>(norm->size, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto d = part.load(dy + i) * part.load(norm->gamma + i);
        sum += d;
        projected += d * ((part.load(row + i, mean) - mean) * scale);
      });
      const float offset = centred ? Lanes<N>::sum(sum) / norm->size : 0, share = Lanes<N>::sum(projected) / norm->size;
      each<N>(norm->size, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto d = part.load(dy + i) * part.load(norm->gamma + i);
        part.store(dx + i, (d - offset - (part.load(row + i) - mean) * scale * share) * scale);
      });
    }
  }
};

template <class Work>
void overRows(const Call& call, const Norm& norm, int64_t rows) {
  if (!call.good() || norm.size == 0) return;
  Workers::all().range(rows, kSmallest / norm.size + 1, [&](int64_t first, int64_t end) { eqlab::run<Work>(&norm, first, end); });
}

template <bool centred>
void forward(Call& call) {
  const auto shape = call.shape(0);
  const int64_t size = shape.empty() ? 0 : shape.back();
  call.expect(product(call.shape(1)) == size && (!centred || product(call.shape(2)) == size), "gamma and beta are not of x's last size");
  float* y = call.output(0, shape, {0});
  const Norm norm{call.input(0), call.input(1), centred ? call.input(2) : nullptr, nullptr, y, size, call.scalar(centred ? 3 : 2)};
  overRows<Forward<centred>>(call, norm, size == 0 ? 0 : product(shape) / size);
}

template <bool centred>
void backward(Call& call) {
  const auto shape = call.shape(0);
  const int64_t size = shape.empty() ? 0 : shape.back();
  call.expect(call.shape(1) == shape, "x is not of dy's shape");
  call.expect(product(call.shape(2)) == size, "gamma is not of x's last size");
  float* dx = call.output(0, shape, {0, 1});
  const float* dy = call.input(0);
  const Norm norm{call.input(1), call.input(2), nullptr, dy, dx, size, call.scalar(3)};
  overRows<Backward<centred>>(call, norm, size == 0 ? 0 : product(shape) / size);
}

[[maybe_unused]] const bool registered =
    define<forward<true>>("EqlabLayerNorm", {"x: float", "gamma: float", "beta: float", "epsilon: float"}, {"y: float"}, shapesOf<0>) &&
    define<backward<true>>("EqlabLayerNormGradient", {"dy: float", "x: float", "gamma: float", "epsilon: float"}, {"dx: float"}, shapesOf<0>) &&
    define<forward<false>>("EqlabRmsNorm", {"x: float", "gamma: float", "epsilon: float"}, {"y: float"}, shapesOf<0>) &&
    define<backward<false>>("EqlabRmsNormGradient", {"dy: float", "x: float", "gamma: float", "epsilon: float"}, {"dx: float"}, shapesOf<0>);

}  // namespace
