#include "notify/outbox.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "history/history_error.h"

namespace mla {
namespace {

constexpr double kLongestWaitS = 15 * 60;
constexpr double kLeaseS = 2.0 * kTimeLimitSeconds;
constexpr double kLookAgainS = 5;  // other processes queue, too

}  // namespace

Outbox::Outbox(Store& store, Transport& transport, OutboxOptions options, Log log)
    : store_(store),
      transport_(transport),
      options_(std::move(options)),
      log_(std::move(log)),
      random_(std::random_device{}()) {
  for (const Target& target : options_.targets) labels_.push_back(target.label);
}

double Outbox::wait_after(int64_t attempts) {
  const double doubled = options_.first_retry_s * std::exp2(std::min<int64_t>(attempts - 1, 30));
  return std::min(doubled, kLongestWaitS) * std::uniform_real_distribution(0.5, 1.5)(random_);
}

bool Outbox::deliver_one(double t) {
  const std::optional<Delivery> delivery = store_.take_due(labels_, t, t + kLeaseS);
  if (!delivery) return false;
  const auto target =
      std::find_if(options_.targets.begin(), options_.targets.end(),
                   [&](const Target& one) { return one.label == delivery->target; });
  const Message message = make_message(delivery->change, options_.style);
  const Attempt attempt = transport_.send(*target, delivery->change, message);
  if (attempt.outcome == Outcome::kSent) {
    store_.delivered(delivery->id);
    return true;
  }
  if (attempt.outcome == Outcome::kRefused || t - delivery->created_t > kGiveUpAfterS) {
    store_.give_up(*delivery, t, attempt.why);
    log_("notification " + std::to_string(delivery->change.id) + " to " + delivery->target + ": " +
         attempt.why + ": given up, check the target");
    return true;
  }
  store_.retry(delivery->id, t + wait_after(delivery->attempts));
  if (delivery->attempts == 1) {
    log_("notification " + std::to_string(delivery->change.id) + " to " + delivery->target + ": " +
         attempt.why + ": will be tried again");
  }
  return true;
}

std::optional<double> Outbox::next_due() { return store_.next_due(labels_); }

Sender::Sender(const std::string& file, uint64_t max_bytes, OutboxOptions options,
               std::function<double()> now, Log log)
    : file_(file),
      max_bytes_(max_bytes),
      options_(std::move(options)),
      now_(std::move(now)),
      log_(std::move(log)),
      thread_([this] { work(); }) {}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  transport_.abort();
  changed_.notify_all();
  thread_.join();
}

void Sender::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    idle_ = false;
  }
  changed_.notify_all();
}

void Sender::drain(double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return idle_; });
}

bool Sender::deliver(std::unique_ptr<Store>& store, std::unique_ptr<Outbox>& outbox) {
  try {
    if (!store) {
      store = std::make_unique<Store>(file_, max_bytes_);
      outbox = std::make_unique<Outbox>(*store, transport_, options_, log_);
    }
    return outbox->deliver_one(now_());
  } catch (const HistoryError&) {
    // The watcher, which uses the same file, says what is wrong with it.
    outbox.reset();
    store.reset();
    return false;
  }
}

void Sender::work() {
  std::unique_ptr<Store> store;
  std::unique_ptr<Outbox> outbox;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    woken_ = false;
    lock.unlock();
    const bool more = deliver(store, outbox);
    double wait_s = kLookAgainS;
    try {
      if (outbox) {
        if (const auto due = outbox->next_due()) wait_s = std::clamp(*due - now_(), 0.0, wait_s);
      }
    } catch (const HistoryError&) {  // NOLINT(bugprone-empty-catch): looked at again soon
    }
    lock.lock();
    if (more || woken_) continue;
    idle_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::duration<double>(std::max(wait_s, 0.02)),
                      [this] { return stop_ || woken_; });
  }
}

}  // namespace mla
