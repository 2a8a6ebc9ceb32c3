// A thread pool of as many threads as this process may use processors. TensorFlow's C API offers none.
#pragma once
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace ps3 {

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
    {
      std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      count_ = count;
      next_.store(0);
      working_ = threads_ - 1;
      ++round_;
    }
    wake_.notify_all();
    Work(body, count);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return working_ == 0; });
  }

 private:
  Pool() {
    cpu_set_t set;
    threads_ = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    for (int i = 1; i < threads_; ++i) std::thread([this] { Loop(); }).detach();
  }

  void Loop() {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      const auto* body = body_;
      const int64_t count = count_;
      lock.unlock();
      Work(*body, count);
      lock.lock();
      if (--working_ == 0) done_.notify_one();
    }
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
  int working_ = 0;
  uint64_t round_ = 0;
};

}  // namespace ps3
