// SPDX-License-Identifier: Apache-2.0
// Work for several threads whose results come out in the order of the input,
// whatever the number of threads.
#ifndef DETACHFIX_PATCHER_BATCH_ORDERED_RUN_H_
#define DETACHFIX_PATCHER_BATCH_ORDERED_RUN_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace detachfix {

/// Takes inputs from `next` (in a thread of its own, so that a slow one does
/// not hold up results) until that gives none, makes an output of each with
/// `work` (in `threads` threads, each given its number), and gives the outputs
/// in order to whoever calls Next. Memory is bounded: at most `window` inputs
/// wait or are under way, and none is begun that is `ahead` or more before the
/// one whose output is due. An exception in a thread is thrown by Next. What no
/// thread can be started for, Next does itself.
template <typename In, typename Out>
class OrderedRun {
 public:
  using NextInput = std::function<std::optional<In>()>;
  using Work = std::function<Out(unsigned thread, const In&)>;

  struct Limits {
    size_t window = 0;
    size_t ahead = 0;
  };

  OrderedRun(unsigned threads, Limits limits, NextInput next, Work work)
      : limits_(limits), next_(std::move(next)), work_(std::move(work)) {
    produces_itself_ = !Start([this] { Produce(); });
    unsigned started = 0;
    while (started < threads && Start([this, started] { Consume(started); })) {
      ++started;
    }
    const std::lock_guard lock(mutex_);
    works_itself_ = started == 0;
  }

  ~OrderedRun() {
    Stop();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedRun(const OrderedRun&) = delete;
  OrderedRun& operator=(const OrderedRun&) = delete;

  enum class Got { kOutput, kNothingYet, kEnd };

  /// Waits for the next output, `patience` at most.
  Got Next(Out& out, std::chrono::milliseconds patience) {
    if (produces_itself_) ProduceWhenIdle();
    std::unique_lock lock(mutex_);
    head_ready_.wait_for(lock, patience, [this] {
      return failure_ || HeadIsReady() || AtEnd() ||
             (works_itself_ && MayBegin());
    });
    if (works_itself_ && MayBegin() && !stopped_) WorkOn(0, lock);
    if (failure_) std::rethrow_exception(failure_);
    if (HeadIsReady()) {
      out = std::move(*slots_.front().out);
      slots_.pop_front();
      --claimed_;
      if (MayBegin()) may_begin_.notify_one();
      // Not for each that comes out: to wake a thread costs more than a file.
      if (slots_.size() <= limits_.window / 2) has_room_.notify_one();
      return Got::kOutput;
    }
    return AtEnd() ? Got::kEnd : Got::kNothingYet;
  }

  /// Whether every input has been taken from `next`.
  bool InputEnded() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  /// No further input is begun; what was begun still comes out.
  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    NotifyAll();
  }

 private:
  struct Slot {
    In in;
    std::optional<Out> out;
  };

  bool HeadIsReady() const {
    return !slots_.empty() && slots_.front().out.has_value();
  }
  /// Inputs are claimed in order, so what is claimed is a beginning of
  /// `slots_`.
  bool AtEnd() const {
    return (stopped_ && claimed_ == 0) || (ended_ && slots_.empty());
  }

  bool MayBegin() const {
    return claimed_ < slots_.size() && claimed_ < limits_.ahead;
  }

  /// Whether a thread was started: there may be too many, or no memory for one.
  bool Start(std::function<void()> body) {
    try {
      threads_.emplace_back([this, run = std::move(body)] { Guarded(run); });
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  void Guarded(const std::function<void()>& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stopped_ = true;
      NotifyAll();
    }
  }

  void NotifyAll() {
    has_room_.notify_all();
    may_begin_.notify_all();
    head_ready_.notify_all();
  }

  void Produce() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        has_room_.wait(lock, [this] {
          return stopped_ || slots_.size() < limits_.window;
        });
        if (stopped_) return;
      }
      if (!ProduceOne()) return;
    }
  }

  /// Whether there was one.
  bool ProduceOne() {
    std::optional<In> in = next_();
    const std::lock_guard lock(mutex_);
    if (!in) {
      ended_ = true;
      NotifyAll();
      return false;
    }
    slots_.push_back({std::move(*in), std::nullopt});
    if (MayBegin()) may_begin_.notify_one();
    if (works_itself_) head_ready_.notify_all();
    return true;
  }

  void ProduceWhenIdle() {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ || ended_ || HeadIsReady() || MayBegin() ||
          slots_.size() >= limits_.window) {
        return;
      }
    }
    ProduceOne();
  }

  void Consume(unsigned thread) {
    std::unique_lock lock(mutex_);
    while (true) {
      may_begin_.wait(lock, [this] {
        return stopped_ || MayBegin() || (ended_ && claimed_ == slots_.size());
      });
      if (stopped_ || !MayBegin()) return;
      WorkOn(thread, lock);
    }
  }

  /// The next input that may be begun. `lock` is given back meanwhile.
  void WorkOn(unsigned thread, std::unique_lock<std::mutex>& lock) {
    // It stays where it is: a deque, changed at its ends.
    Slot& slot = slots_[claimed_++];
    lock.unlock();
    Out out = work_(thread, slot.in);
    lock.lock();
    slot.out = std::move(out);
    if (&slot == &slots_.front()) head_ready_.notify_all();
  }

  const Limits limits_;
  const NextInput next_;
  const Work work_;
  mutable std::mutex mutex_;
  std::condition_variable has_room_;    ///< Produce waits
  std::condition_variable may_begin_;   ///< Consume waits
  std::condition_variable head_ready_;  ///< Next waits
  std::deque<Slot> slots_;
  size_t claimed_ = 0;
  bool ended_ = false;    ///< there is no further input
  bool stopped_ = false;  ///< none is to be begun
  std::exception_ptr failure_;
  bool works_itself_ = false;     ///< Next, since there is no Consume
  bool produces_itself_ = false;  ///< the same, since there is no Produce
  std::vector<std::thread> threads_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_ORDERED_RUN_H_
