// Attention while decoding, on a cache that is changed where it lies: EqlabCacheAttention adds the keys and values of new tokens to it and lets
// the tokens look at it, EqlabCopyCacheRows copies what rows hold. A cache is one tensor [2 * layers, slots, kvHeads, capacity, headDim]: the keys
// of layer i at 2i, its values at 2i + 1, a token in the column of its position. What no token has written is never read. Each number is added up
// in the same order however many rows and tokens there are.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernel.h"
#include "lanes.h"
#include "workers.h"

namespace {

struct Cache {
  float* values;
  int64_t parts, slots, kvHeads, capacity, headDim;

  Cache(eqlab::Call& call, int input) {
    const auto shape = call.shape(input);
    call.expect(shape.size() == 5, "cache: expected a shape of 5 sizes");
    values = const_cast<float*>(call.input(input)); // in place: the cache belongs to who decodes
    if (call.good()) parts = shape[0], slots = shape[1], kvHeads = shape[2], capacity = shape[3], headDim = shape[4];
  }
  // [capacity, headDim]
  float* at(int64_t part, int64_t slot, int64_t head) const { return values + ((part * slots + slot) * kvHeads + head) * capacity * headDim; }
};

struct Attention {
  Cache cache;
  const float *query, *key, *value; // [batch, heads, time, headDim], and two of [batch, kvHeads, time, headDim]
  float* mixed;
  const int32_t *slots, *starts;
  int64_t group, time, layer, window;
};

// Four queries at most, that share keys and values.
template <int N, int R>
struct Queries {
  using L = eqlab::Lanes<N>;
  using F = typename L::F;
  const float* asking[R];
  int64_t from[R], to[R]; // the columns that each sees
  float* scores[R];
  float* mixed[R];

  INLINED void attend(const float* keys, const float* values, int64_t headDim) {
    int64_t from = this->from[0], to = this->to[0];
    for (int r = 1; r < R; r++) from = std::min(from, this->from[r]), to = std::max(to, this->to[r]);
    int64_t column = from;
    for (; column + 3 <= to; column += 3) score<3>(keys, column, headDim);
    for (; column < to; column++) score<1>(keys, column, headDim);
    for (int r = 0; r < R; r++) {
      std::fill(scores[r] + from, scores[r] + this->from[r], 0.0f);
      softmax(scores[r] + this->from[r], this->to[r] - this->from[r], 1 / std::sqrt(static_cast<float>(headDim)));
      std::fill(scores[r] + this->to[r], scores[r] + to, 0.0f);
    }
    constexpr int kMany = R == 1 ? 8 : 2;
    int64_t at = 0;
    for (; at + kMany * N <= headDim; at += kMany * N) mix<kMany>(values, from, to, at, headDim);
    for (; at + N <= headDim; at += N) mix<1>(values, from, to, at, headDim);
    for (; at < headDim; at++) {
      for (int r = 0; r < R; r++) {
        mixed[r][at] = 0;
        for (int64_t i = from; i < to; i++) mixed[r][at] += scores[r][i] * values[i * headDim + at];
      }
    }
  }

  // Products of the queries with C keys.
  template <int C>
  INLINED void score(const float* keys, int64_t column, int64_t headDim) {
    const float* key = keys + column * headDim;
    F sums[R][C] = {};
    int64_t k = 0;
    for (; k + N <= headDim; k += N) {
      F other[C];
      for (int c = 0; c < C; c++) other[c] = L::load(key + c * headDim + k);
      for (int r = 0; r < R; r++) {
        const F own = L::load(asking[r] + k);
        for (int c = 0; c < C; c++) sums[r][c] += own * other[c];
      }
    }
    for (int r = 0; r < R; r++) {
      for (int c = 0; c < C; c++) {
        float sum = L::sum(sums[r][c]);
        for (int64_t rest = k; rest < headDim; rest++) sum += asking[r][rest] * key[c * headDim + rest];
        scores[r][column + c] = sum;
      }
    }
  }

  // Scores to shares, in place.
  INLINED static void softmax(float* x, int64_t count, float scale) {
    const float highest = *std::max_element(x, x + count);
    F sums = {};
    int64_t i = 0;
    for (; i + N <= count; i += N) {
      const F e = L::exp((L::load(x + i) - highest) * scale);
      L::store(x + i, e);
      sums += e;
    }
    if (i < count) {
      F last = F{} - std::numeric_limits<float>::infinity();
      std::memcpy(&last, x + i, (count - i) * sizeof(float));
      last = L::exp((last - highest) * scale);
      std::memcpy(x + i, &last, (count - i) * sizeof(float));
      sums += last;
    }
    const float factor = 1 / L::sum(sums);
    for (i = 0; i < count; i++) x[i] *= factor;
  }

  // C vectors of the mixed values from column `at` on.
  template <int C>
  INLINED void mix(const float* values, int64_t from, int64_t to, int64_t at, int64_t headDim) {
    F sums[R][C] = {};
    for (int64_t i = from; i < to; i++) {
      F other[C];
      for (int c = 0; c < C; c++) other[c] = L::load(values + i * headDim + at + c * N);
      for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) sums[r][c] += scores[r][i] * other[c];
    }
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++) L::store(mixed[r] + at + c * N, sums[r][c]);
  }
};

// Numbers `first` to `end` of the pairs of a row and a head of keys.
struct Attend {
  template <int N>
  static INLINED void run(const Attention* a, int64_t first, int64_t end) {
    const Cache& cache = a->cache;
    std::vector<float> scores(4 * cache.capacity);
    const int64_t size = a->time * cache.headDim;
    for (int64_t pair = first; pair < end; pair++) {
      const int64_t row = pair / cache.kvHeads, head = pair % cache.kvHeads, start = a->starts[row];
      float* keys = cache.at(2 * a->layer, a->slots[row], head);
      float* values = cache.at(2 * a->layer + 1, a->slots[row], head);
      std::memcpy(keys + start * cache.headDim, a->key + pair * size, size * sizeof(float));
      std::memcpy(values + start * cache.headDim, a->value + pair * size, size * sizeof(float));
      const int64_t count = a->group * a->time;
      int64_t i = 0;
      for (; i + 4 <= count; i += 4) some<N, 4>(*a, scores.data(), pair, start, i, keys, values);
      for (; i < count; i++) some<N, 1>(*a, scores.data(), pair, start, i, keys, values);
    }
  }

  // Queries `first` and following of all that share a head of keys.
  template <int N, int R>
  static INLINED void some(const Attention& a, float* scores, int64_t pair, int64_t start, int64_t first, const float* keys, const float* values) {
    const int64_t headDim = a.cache.headDim;
    Queries<N, R> queries;
    for (int r = 0; r < R; r++) {
      const int64_t at = (pair * a.group * a.time + first + r) * headDim, position = start + (first + r) % a.time;
      queries.asking[r] = a.query + at;
      queries.mixed[r] = a.mixed + at;
      queries.scores[r] = scores + r * a.cache.capacity;
      queries.from[r] = a.window > 0 ? std::max<int64_t>(0, position + 1 - a.window) : 0;
      queries.to[r] = position + 1;
    }
    queries.attend(keys, values, headDim);
  }
};

enum Input { kQuery, kKey, kValue, kCache, kSlots, kStarts, kPlace };

// `place`: the layer, and how many tokens each sees, or 0 for all.
void attention(eqlab::Call& call) {
  const auto query = call.shape(kQuery), key = call.shape(kKey);
  const int64_t batch = eqlab::product(call.shape(kStarts));
  call.expect(query.size() == 4 && key.size() == 4 && query[0] == batch && key[0] == batch && query[2] == key[2] && query[3] == key[3] &&
                  key[1] > 0 && query[1] % key[1] == 0 && call.shape(kValue) == key && eqlab::product(call.shape(kSlots)) == batch,
              "queries, keys, values, slots and starts do not fit each other");
  float* mixed = call.output(0, query);
  const int32_t* place = call.input<int32_t>(kPlace);
  const Cache cache(call, kCache);
  const auto *slots = call.input<int32_t>(kSlots), *starts = call.input<int32_t>(kStarts);
  if (!call.good()) return;
  call.expect(cache.kvHeads == key[1] && cache.headDim == key[3] && place[0] >= 0 && 2 * place[0] + 1 < cache.parts,
              "the cache has other heads or layers than the keys");
  for (int64_t row = 0; call.good() && row < batch; row++)
    call.expect(slots[row] >= 0 && slots[row] < cache.slots && starts[row] >= 0 && starts[row] + query[2] <= cache.capacity,
                "the cache has no room for the tokens");
  const Attention a{cache, call.input(kQuery), call.input(kKey), call.input(kValue), mixed, slots, starts, query[1] / key[1], query[2], place[0],
                    place[1]};
  if (!call.good() || eqlab::product(query) == 0) return;
  eqlab::Workers::all().range(batch * cache.kvHeads, 1,
                              [&](int64_t first, int64_t end) { eqlab::run<Attend, const Attention*, int64_t, int64_t>(&a, first, end); });
}

// `copies`: [n, 3], from which slot, to which, and how many columns, in this order. Returns how many there were.
void copyRows(eqlab::Call& call) {
  const auto shape = call.shape(1);
  call.expect(shape.size() == 2 && shape[1] == 3, "copies: expected [n, 3]");
  const Cache cache(call, 0);
  const int32_t* copies = call.input<int32_t>(1);
  float* count = call.output(0, {});
  if (!call.good()) return;
  *count = static_cast<float>(shape[0]);
  for (int64_t i = 0; i < shape[0]; i++) {
    const int32_t from = copies[3 * i], to = copies[3 * i + 1], columns = copies[3 * i + 2];
    call.expect(from >= 0 && from < cache.slots && to >= 0 && to < cache.slots && columns >= 0 && columns <= cache.capacity,
                "copies: expected slots and columns of the cache");
    if (!call.good()) return;
    if (from == to) continue;
    for (int64_t part = 0; part < cache.parts; part++)
      for (int64_t head = 0; head < cache.kvHeads; head++)
        std::memcpy(cache.at(part, to, head), cache.at(part, from, head), columns * cache.headDim * sizeof(float));
  }
}

void scalarShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* shape = TF_ShapeInferenceContextScalar(context);
  TF_ShapeInferenceContextSetOutput(context, 0, shape, status);
  TF_DeleteShapeHandle(shape);
}

[[maybe_unused]] const bool registered =
    eqlab::define<attention>("EqlabCacheAttention",
                             {"query: float", "key: float", "value: float", "cache: float", "slots: int32", "starts: int32", "place: int32"},
                             {"mixed: float"}, eqlab::shapesOf<kQuery>, true) &&
    eqlab::define<copyRows>("EqlabCopyCacheRows", {"cache: float", "copies: int32"}, {"count: float"}, scalarShape, true);

}  // namespace
