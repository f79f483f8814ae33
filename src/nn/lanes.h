// Arithmetic on as many f32 numbers at once as the processor has lanes for, and the choice of that width when a kernel runs.
#pragma once

#include <cstdint>
#include <cstring>

#define INLINED inline __attribute__((always_inline))
#define INLINED_LAMBDA __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__)
#define EQLAB_WIDE __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#define EQLAB_MIDDLE __attribute__((target("avx2,fma")))
#endif

namespace eqlab {

template <int N>
struct Vector;
#define EQLAB_VECTOR(n)                              \
  template <>                                        \
  struct Vector<n> {                                 \
    typedef float F __attribute__((vector_size(4 * n)));   \
    typedef int32_t I __attribute__((vector_size(4 * n))); \
  };
EQLAB_VECTOR(4)
EQLAB_VECTOR(8)
EQLAB_VECTOR(16)

// N numbers. Comparisons give lanes for `condition ? a : b`.
template <int N>
struct Lanes {
  using F = typename Vector<N>::F;
  using I = typename Vector<N>::I;

  static INLINED F all(float x) { return x - F{}; }
  static INLINED F load(const float* at) {
    F x;
    std::memcpy(&x, at, sizeof x);
    return x;
  }
  static INLINED void store(float* at, F x) { std::memcpy(at, &x, sizeof x); }

  static INLINED float sum(F x) {
    float sums[N];
    std::memcpy(sums, &x, sizeof x);
    for (int half = N / 2; half > 0; half /= 2)
      for (int i = 0; i < half; i++) sums[i] += sums[i + half];
    return sums[0];
  }
  static INLINED F larger(F a, F b) { return a > b ? a : b; }
  static INLINED float largest(F x) {
    float most = x[0];
    for (int i = 1; i < N; i++) most = x[i] > most ? x[i] : most;
    return most;
  }

  // e to the x within 1e-7 of its size; 0 below -86.9, infinite above 88.72, not a number for what is none.
  static INLINED F exp(F x) {
    const F magic = all(12582912.0f), highest = all(88.8f); // 1.5 * 2^23: added to a number, it rounds to a whole one
    x = x > highest ? highest : x;
    const F shifted = x * 1.44269504f + magic;
    const F n = shifted - magic;
    const F r = (x - n * 0.693359375f) + n * 2.12194440e-4f; // ln 2 in two parts, of which the first has few digits
    F p = all(1.38145406e-3f);
    p = p * r + 8.36874545e-3f;
    p = p * r + 4.16683890e-2f;
    p = p * r + 1.66665211e-1f;
    p = p * r + 4.99999940e-1f;
    p = (p * r) * r + r + 1.0f;
    // One power of two less than n, so that 2^128 is never needed.
    const I power = ((I)shifted << 23) + (126 << 23);
    return x < -86.9f ? F{} : (p + p) * (F)power;
  }

  // 1 / (1 + exp(-x)), and its slope, which keeps its digits where the value is close to 1.
  static INLINED F sigmoid(F x, F& slope) {
    const F e = exp(x < 0 ? x : -x), share = 1 / (1 + e);
    slope = e * share * share;
    return x < 0 ? e * share : share;
  }
};

// Up to N numbers in memory, as a vector: all of them, or the last few, where `rest` stands for those that are not there.
template <int N>
struct Whole {
  static INLINED typename Lanes<N>::F load(const float* at, float = 0) { return Lanes<N>::load(at); }
  static INLINED void store(float* at, typename Lanes<N>::F x) { Lanes<N>::store(at, x); }
};
template <int N>
struct Some {
  int64_t count;
  INLINED typename Lanes<N>::F load(const float* at, float rest = 0) const {
    auto x = Lanes<N>::all(rest);
    std::memcpy(&x, at, count * sizeof(float));
    return x;
  }
  INLINED void store(float* at, typename Lanes<N>::F x) const { std::memcpy(at, &x, count * sizeof(float)); }
};

// body(part, i) for each vector from the i-th of `count` numbers on; `part` loads and stores it. Write bodies as `[&](auto part, int64_t i) INLINED_LAMBDA`.
template <int N, class Body>
INLINED void each(int64_t count, Body body) {
  int64_t i = 0;
  for (; i + N <= count; i += N) body(Whole<N>{}, i);
  if (i < count) body(Some<N>{count - i}, i);
}

enum class Width { narrow, middle, wide };

inline Width width() {
#ifdef EQLAB_WIDE
  static const Width found = [] {
    __builtin_cpu_init();
    const bool middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw");
    return wide && middle ? Width::wide : middle ? Width::middle : Width::narrow;
  }();
  return found;
#else
  return Width::narrow;
#endif
}

#ifdef EQLAB_WIDE
template <class Work, class... Args>
EQLAB_WIDE void runWide(Args... args) {
  Work::template run<16>(args...);
}
template <class Work, class... Args>
EQLAB_MIDDLE void runMiddle(Args... args) {
  Work::template run<8>(args...);
}
#endif

// Work::run<lanes>(args...) for this processor. It and all that it calls must be INLINED: that is what gives it the processor's instructions.
template <class Work, class... Args>
void run(Args... args) {
#ifdef EQLAB_WIDE
  if (width() == Width::wide) return runWide<Work>(args...);
  if (width() == Width::middle) return runMiddle<Work>(args...);
#endif
  Work::template run<4>(args...);
}

}  // namespace eqlab
