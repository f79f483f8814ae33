// Activations f(x) and gates f(gate)·up with their gradients, one pass over memory each; the way back finds f and its slope from x again. See
// activation.ts, which also holds them in plain operations.
#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

// f(x), and its slope in `slope`.
struct GeluTanh {
  template <int N, class F = typename Lanes<N>::F>
  static INLINED F value(F x, F& slope) {
    constexpr float kLinear = 1.59576912f, kCubic = 0.0713548163f; // 2 sqrt(2 / pi), and 0.044715 times it
    const F factor = x * x * kCubic + kLinear;
    F ds;
    const F s = Lanes<N>::sigmoid(x * factor, ds);
    slope = s + x * ((factor * 3 - 2 * kLinear) * ds);
    return x * s;
  }
};

struct GeluExact {
  template <int N, class F = typename Lanes<N>::F>
  static INLINED F value(F x, F& slope) {
    const F magnitude = x < 0 ? -x : x;
    const F density = Lanes<N>::exp(magnitude * magnitude * -0.5f);
    // The share of a normal distribution beyond |x| is exp(-x²/2)·t·p(t), within 2e-7 of its size; p was fitted to it.
    const F t = 1 / (1 + magnitude * 0.353553391f);
    F p = Lanes<N>::all(-2.96930298e-02f);
    for (float c : {1.43061131e-01f, -2.45201692e-01f, 1.40865251e-01f, -1.45735154e-02f, 1.01876035e-01f, 1.21417589e-01f, 1.41206041e-01f,
                    1.41042173e-01f})
      p = p * t + c;
    const F beyond = density * t * p;
    const F phi = x < 0 ? beyond : 1 - beyond;
    slope = phi + x * density * 0.398942280f;
    return x * phi;
  }
};

struct Silu {
  template <int N, class F = typename Lanes<N>::F>
  static INLINED F value(F x, F& slope) {
    F ds;
    const F s = Lanes<N>::sigmoid(x, ds);
    slope = s + x * ds;
    return x * s;
  }
};

// What an operation reads and writes; null where it has no such input or output.
struct Arrays {
  const float *dy, *x, *up;
  float *result, *byUp;
};

template <class Activation, bool gated, bool back>
struct Elementwise {
  template <int N>
  static INLINED void run(Arrays a, int64_t first, int64_t end) {
    each<N>(end - first, [&](auto part, int64_t i) INLINED_LAMBDA {
      const int64_t at = first + i;
      typename Lanes<N>::F slope;
      const auto value = Activation::template value<N>(part.load(a.x + at), slope);
      if constexpr (!back) {
        part.store(a.result + at, gated ? value * part.load(a.up + at) : value);
      } else {
        const auto dy = part.load(a.dy + at);
        if constexpr (gated) {
          const auto up = part.load(a.up + at);
          part.store(a.byUp + at, dy * value);
          part.store(a.result + at, dy * (slope * up));
        } else {
          part.store(a.result + at, dy * slope);
        }
      }
    });
  }
};

// Inputs: dy on the way back, x, and up where it is gated. Outputs: y, or the gradients by x and up.
template <class Activation, bool gated, bool back>
void compute(Call& call) {
  constexpr int x = back ? 1 : 0, up = x + 1;
  const auto shape = call.shape(0);
  call.expect((!back || call.shape(x) == shape) && (!gated || call.shape(up) == shape), "the inputs are not of one shape");
  Arrays arrays{};
  arrays.result = gated ? call.output(0, shape, {0, 1}) : call.output(0, shape, {0});
  if (gated && back) arrays.byUp = call.output(1, shape, {1, 2});
  if (back) arrays.dy = call.input(0);
  arrays.x = call.input(x);
  if (gated) arrays.up = call.input(up);
  if (!call.good()) return;
  Workers::all().range(product(shape), kSmallest, [&](int64_t first, int64_t end) {
    eqlab::run<Elementwise<Activation, gated, back>>(arrays, first, end);
  });
}

template <class Activation>
bool defineAll(const char* plain, const char* plainGradient, const char* gated, const char* gatedGradient) {
  return define<compute<Activation, false, false>>(plain, {"x: float"}, {"y: float"}, shapesOf<0>) &&
         define<compute<Activation, false, true>>(plainGradient, {"dy: float", "x: float"}, {"dx: float"}, shapesOf<0>) &&
         define<compute<Activation, true, false>>(gated, {"gate: float", "up: float"}, {"y: float"}, shapesOf<0>) &&
         define<compute<Activation, true, true>>(gatedGradient, {"dy: float", "gate: float", "up: float"}, {"by_gate: float", "by_up: float"},
                                                 shapesOf<0, 0>);
}

[[maybe_unused]] const bool registered =
    defineAll<GeluTanh>("EqlabGeluTanh", "EqlabGeluTanhGradient", "EqlabGatedGeluTanh", "EqlabGatedGeluTanhGradient") &&
    defineAll<GeluExact>("EqlabGeluExact", "EqlabGeluExactGradient", "EqlabGatedGeluExact", "EqlabGatedGeluExactGradient") &&
    defineAll<Silu>("EqlabSilu", "EqlabSiluGradient", "EqlabGatedSilu", "EqlabGatedSiluGradient");

}  // namespace
