// The softmax of masked attention scores and its gradient, one pass over memory each, in the place of what they are given. See attention.ts.
#include <cmath>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

// Scores [batch, heads, queries, keys]; the mask has the same batch (or 1), 1 head, and at least as many queries and keys.
struct Scores {
  const float* scores;
  const float* mask;
  float* result;
  int64_t heads, queries, keys, from, maskBatch, maskQueries, maskKeys;
  float scale;
};

struct MaskedSoftmax {
  template <int N>
  static INLINED void run(const Scores* s, int64_t first, int64_t end) {
    for (int64_t r = first; r < end; r++) {
      const int64_t batch = s->maskBatch == 1 ? 0 : r / (s->heads * s->queries);
      const float* mask = s->mask + (batch * s->maskQueries + s->from + r % s->queries) * s->maskKeys;
      const float* scores = s->scores + r * s->keys;
      float* result = s->result + r * s->keys;
      auto most = Lanes<N>::all(-INFINITY);
      each<N>(s->keys, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto x = part.load(scores + i) * s->scale + part.load(mask + i, -INFINITY);
        part.store(result + i, x);
        most = Lanes<N>::larger(x, most);
      });
      const float highest = Lanes<N>::largest(most);
      auto sums = Lanes<N>::all(0);
      each<N>(s->keys, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto x = Lanes<N>::exp(part.load(result + i, -INFINITY) - highest);
        part.store(result + i, x);
        sums += x;
      });
      const float share = 1 / Lanes<N>::sum(sums);
      each<N>(s->keys, [&](auto part, int64_t i) INLINED_LAMBDA { part.store(result + i, part.load(result + i) * share); });
    }
  }
};

// scale * p * (dp - sum of p * dp over the row)
struct SoftmaxGradient {
  template <int N>
  static INLINED void run(const float* dp, const float* p, float* result, int64_t keys, float scale, int64_t first, int64_t end) {
    for (int64_t at = first * keys; at < end * keys; at += keys) {
      auto sums = Lanes<N>::all(0);
      each<N>(keys, [&](auto part, int64_t i) INLINED_LAMBDA { sums += part.load(dp + at + i) * part.load(p + at + i); });
      const float sum = Lanes<N>::sum(sums);
      each<N>(keys, [&](auto part, int64_t i) INLINED_LAMBDA {
        part.store(result + at + i, part.load(p + at + i) * ((part.load(dp + at + i) - sum) * scale));
      });
    }
  }
};

void forward(Call& call) {
  const auto shape = call.shape(0), mask = call.shape(1);
  call.expect(shape.size() == 4 && mask.size() == 4, "scores and mask are not of four dimensions");
  if (!call.good()) return;
  const auto from = call.scalar<int32_t>(2);
  call.expect((mask[0] == 1 || mask[0] == shape[0]) && mask[1] == 1 && from >= 0 && from + shape[2] <= mask[2] && shape[3] <= mask[3],
              "the mask does not cover the scores");
  const float scale = call.scalar(3);
  float* result = call.output(0, shape, {0});
  const Scores scores{call.input(0), call.input(1), result, shape[1], shape[2], shape[3], from, mask[0], mask[2], mask[3], scale};
  if (!call.good() || product(shape) == 0) return;
  Workers::all().range(shape[0] * shape[1] * shape[2], kSmallest / shape[3] + 1, [&](int64_t first, int64_t end) {
    eqlab::run<MaskedSoftmax>(&scores, first, end);
  });
}

void backward(Call& call) {
  const auto shape = call.shape(0);
  call.expect(!shape.empty() && call.shape(1) == shape, "dp and p are not of one shape");
  const float scale = call.scalar(2);
  float* result = call.output(0, shape, {0, 1});
  const float *dp = call.input(0), *p = call.input(1);
  if (!call.good() || product(shape) == 0) return;
  Workers::all().range(product(shape) / shape.back(), kSmallest / shape.back() + 1, [&](int64_t first, int64_t end) {
    eqlab::run<SoftmaxGradient>(dp, p, result, shape.back(), scale, first, end);
  });
}

[[maybe_unused]] const bool registered =
    define<forward>("EqlabMaskedSoftmax", {"scores: float", "mask: float", "from: int32", "scale: float"}, {"p: float"}, shapesOf<0>) &&
    define<backward>("EqlabSoftmaxGradient", {"dp: float", "p: float", "scale: float"}, {"by_scores: float"}, shapesOf<0>);

}  // namespace
