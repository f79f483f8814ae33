// The cross-entropy of rows of logits in nats, and its gradient by the logits in their place: one pass over memory, several over a row while it is in
// the cache. See losses/token-log-probs.ts.
#include <atomic>
#include <cmath>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

using namespace eqlab;

struct Rows {
  const float* logits;
  const int32_t* labels;
  const float* factors; // null where no gradient is wanted
  float* losses;
  float* slopes;
  int64_t vocab;
};

// The greatest of four vectors at a time, which do not wait for each other.
template <int N>
INLINED float largestOf(const float* row, int64_t size) {
  using L = Lanes<N>;
  typename L::F most[4] = {L::all(-INFINITY), most[0], most[0], most[0]};
  int64_t i = 0;
  for (; i + 4 * N <= size; i += 4 * N)
    for (int k = 0; k < 4; k++) most[k] = L::larger(L::load(row + i + k * N), most[k]);
  each<N>(size - i, [&](auto part, int64_t rest) INLINED_LAMBDA { most[0] = L::larger(part.load(row + i + rest, -INFINITY), most[0]); });
  return L::largest(L::larger(L::larger(most[0], most[1]), L::larger(most[2], most[3])));
}

// slope = factor * (softmax - 1 at the label)
template <bool sloped>
struct CrossEntropy {
  template <int N>
  static INLINED void run(const Rows* rows, int64_t first, int64_t end) {
    for (int64_t r = first; r < end; r++) {
      const float* row = rows->logits + r * rows->vocab;
      float* slopes = sloped ? rows->slopes + r * rows->vocab : nullptr;
      const float most = largestOf<N>(row, rows->vocab), chosen = row[rows->labels[r]];
      auto sums = Lanes<N>::all(0);
      each<N>(rows->vocab, [&](auto part, int64_t i) INLINED_LAMBDA {
        const auto x = Lanes<N>::exp(part.load(row + i, -INFINITY) - most);
        if constexpr (sloped) part.store(slopes + i, x);
        sums += x;
      });
      const float sum = Lanes<N>::sum(sums);
      rows->losses[r] = std::log(sum) - (chosen - most);
      if constexpr (sloped) {
        const float factor = rows->factors[r], share = factor / sum;
        each<N>(rows->vocab, [&](auto part, int64_t i) INLINED_LAMBDA { part.store(slopes + i, part.load(slopes + i) * share); });
        slopes[rows->labels[r]] -= factor;
      }
    }
  }
};

// Inputs: logits [rows, vocab], labels [rows] and, for the slope, a factor for each row.
template <bool sloped>
void compute(Call& call) {
  const auto shape = call.shape(0), labels = call.shape(1);
  call.expect(shape.size() == 2 && labels.size() == 1 && labels[0] == shape[0] && (!sloped || call.shape(2) == labels),
              "logits, labels and factors do not have the same number of rows");
  Rows rows{};
  rows.losses = call.output(0, labels);
  if (sloped) rows.slopes = call.output(1, shape, {0});
  rows.logits = call.input(0);
  rows.labels = call.input<int32_t>(1);
  if (sloped) rows.factors = call.input(2);
  if (!call.good()) return;
  rows.vocab = shape[1];
  for (int64_t r = 0; r < shape[0]; r++) call.expect(rows.labels[r] >= 0 && rows.labels[r] < rows.vocab, "a label is not a number of the vocabulary");
  if (!call.good()) return;
  Workers::all().range(shape[0], kSmallest / (rows.vocab + 1) + 1, [&](int64_t first, int64_t end) {
    eqlab::run<CrossEntropy<sloped>>(&rows, first, end);
  });
}

[[maybe_unused]] const bool registered =
    define<compute<false>>("EqlabCrossEntropy", {"logits: float", "labels: int32"}, {"loss: float"}, shapesOf<1>) &&
    define<compute<true>>("EqlabCrossEntropySlope", {"logits: float", "labels: int32", "factors: float"}, {"loss: float", "slope: float"}, shapesOf<1, 0>);

}  // namespace
