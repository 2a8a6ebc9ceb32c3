// A thread pool of as many threads as this process may use processors. TensorFlow's C API offers none.
#pragma once
#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace ps3 {

// How long a thread that waits looks before it falls asleep: to wake one up takes as long as a small operation.
constexpr std::chrono::microseconds kSpin(100);

class Pool {
 public:
  // Never destroyed: its threads may still wait when the process exits.
  static Pool& Get() {
    static Pool* pool = new Pool();
    return *pool;
  }

  int threads() const { return threads_; }

  // Calls body(i) for every i < count and returns when all are done. The caller works too. When another thread uses
  // the pool, the caller does all of it.
  void For(int64_t count, const std::function<void(int64_t)>& body) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (count < 2 || threads_ < 2 || !turn.owns_lock()) {
      for (int64_t i = 0; i < count; ++i) body(i);
      return;
    }
    body_ = &body;
    count_ = count;
    next_.store(0);
    working_.store(threads_ - 1);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      round_.fetch_add(1);
    }
    if (asleep_.load() > 0) wake_.notify_all();
    Work(body, count);
    const auto done = [this] { return working_.load() == 0; };
    if (Spin(done)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, done);
  }

 private:
  Pool() {
    cpu_set_t set;
    threads_ = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    for (int i = 1; i < threads_; ++i) std::thread([this] { Loop(); }).detach();
  }

  void Loop() {
    uint64_t seen = 0;
    for (;;) {
      const auto called = [&] { return round_.load() != seen; };
      if (!Spin(called)) {
        std::unique_lock<std::mutex> lock(mutex_);
        ++asleep_;
        wake_.wait(lock, called);
        --asleep_;
      }
      seen = round_.load();
      Work(*body_, count_);
      if (working_.fetch_sub(1) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  // Looks for a while whether something is so, and says what it saw last.
  template <typename Condition>
  static bool Spin(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
      for (int i = 0; i < 32; ++i) {
        if (condition()) return true;
#ifdef __x86_64__
        __builtin_ia32_pause();
#endif
      }
    } while (std::chrono::steady_clock::now() < end);
    return condition();
  }

  void Work(const std::function<void(int64_t)>& body, int64_t count) {
    for (int64_t i = next_.fetch_add(1); i < count; i = next_.fetch_add(1)) body(i);
  }

  int threads_ = 1;
  std::mutex turn_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t)>* body_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<int> working_{0}, asleep_{0};
  std::atomic<uint64_t> round_{0};
};

}  // namespace ps3
