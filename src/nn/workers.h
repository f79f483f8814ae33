// What the addon's own operations share: vectors of the processor's width, work that all cores take part in, and the steps of a TensorFlow kernel.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace eqlab {

// Fewer numbers are not worth a second thread.
constexpr int64_t kSmallest = 1 << 13;

// Work in numbered pieces, taken by whoever is free.
struct Job {
  const std::function<void(int64_t piece)>& work;
  const int64_t pieces;
  std::atomic<int64_t> next{0}, done{0};
  Job(const std::function<void(int64_t)>& work, int64_t pieces) : work(work), pieces(pieces) {}

  void help() {
    for (int64_t piece; (piece = next.fetch_add(1)) < pieces; done.fetch_add(1)) work(piece);
  }
};

// One thread a core beside the caller's, who does alone what no other has come to yet. One pool for the whole addon.
class Workers {
 public:
  static Workers& all() {
    static Workers* workers = new Workers; // never destroyed: its threads wait until the process ends
    return *workers;
  }
  int64_t threads() const { return count_ + 1; }
  void run(int64_t pieces, const std::function<void(int64_t piece)>& work) {
    const auto job = std::make_shared<Job>(work, pieces);
    if (count_ > 0 && pieces > 1) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        job_ = job;
        turn_.fetch_add(1);
      }
      wake_.notify_all();
    }
    job->help();
    while (job->done.load() < pieces) std::this_thread::yield();
  }
  // work(first, end) over all of 0..count, in pieces of at least `least` and a multiple of it.
  void range(int64_t count, int64_t least, const std::function<void(int64_t first, int64_t end)>& work) {
    const int64_t size = (count / (4 * threads()) / least + 1) * least;
    run((count + size - 1) / size, [&](int64_t piece) { work(piece * size, (piece + 1) * size < count ? (piece + 1) * size : count); });
  }

 private:
  Workers() {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    count_ = cores > 16 ? 15 : cores - 1;
    for (int i = 0; i < count_; i++) std::thread([this] { serve(); }).detach();
  }
  void serve() {
    for (uint64_t seen = 0;;) {
      for (int spin = 0; spin < kSpins && turn_.load() == seen; spin++) pause();
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return turn_.load() != seen; });
        seen = turn_.load();
        job = job_;
      }
      job->help();
    }
  }
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  static constexpr int kSpins = 2000; // some 50 microseconds: the next product of a step comes soon
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> turn_{0};
  std::shared_ptr<Job> job_;
  int count_ = 0;
};

}  // namespace eqlab
