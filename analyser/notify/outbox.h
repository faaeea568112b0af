// Sends what waits in the history.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "history/store.h"
#include "notify/transport.h"

namespace mla {

struct OutboxOptions {
  std::vector<Target> targets;
  MessageStyle style;
  double first_retry_s = 5;                 // doubled each time, up to 15 minutes, times 0.5 to 1.5
  double time_limit_s = kTimeLimitSeconds;  // of an attempt
};

// Given up after so long: what is a day old, `mla history` tells.
inline constexpr double kGiveUpAfterS = 24 * 3600.0;

// A line for the log: why something was not sent.
using Log = std::function<void(const std::string&)>;

// * A notification waits in the history, one for each target, until it was sent, was refused for
//   good or is a day old. So it survives the end of this process.
// * It is taken for twice the time limit, so that two processes do not send it both. A process that
//   is killed between the target's answer and the note of it sends it again, with the same id.
// * While the history is locked or full the note of an attempt waits, and nothing else is sent.
class Outbox {
 public:
  Outbox(Store& store, Transport& transport, OutboxOptions options, Log log);
  // Takes one that is due at steady time `t` and sends it. False: none was due. Throws
  // HistoryError; what it could not note of an attempt then, it notes first the next time.
  bool deliver_one(double t);
  std::optional<double> next_due();

 private:
  double wait_after(int64_t attempts);
  void note(std::function<void()> what);
  void write_note();

  Store& store_;
  Transport& transport_;
  OutboxOptions options_;
  Log log_;
  std::vector<std::string> labels_;
  std::minstd_rand random_;
  std::function<void()> unnoted_;  // of the last attempt; empty: it is in the history
};

// An Outbox in a thread of its own with a connection of its own: sampling never waits for it.
class Sender {
 public:
  // `now` tells steady time, from any thread.
  Sender(const std::string& file, uint64_t max_bytes, OutboxOptions options,
         std::function<double()> now, Log log);
  // Ends within a second or so: what is being sent is broken off and waits for the next time.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void wake();  // there is something new
  // Until nothing is due, or so long.
  void drain(double seconds);

 private:
  void work();
  // True: something was sent or failed, so that there may be more. False: nothing was due.
  bool deliver(std::unique_ptr<Store>& store, std::unique_ptr<Outbox>& outbox);

  std::string file_;
  uint64_t max_bytes_;
  OutboxOptions options_;
  std::function<double()> now_;
  Log log_;
  SystemTransport transport_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool woken_ = true;
  bool idle_ = false;
  std::thread thread_;
};

}  // namespace mla
