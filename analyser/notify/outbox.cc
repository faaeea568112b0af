#include "notify/outbox.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "history/history_error.h"

namespace mla {
namespace {

constexpr double kLongestWaitS = 15 * 60;
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

void Outbox::note(std::function<void()> what) {
  unnoted_ = std::move(what);
  write_note();
}

void Outbox::write_note() {
  if (!unnoted_) return;
  unnoted_();
  unnoted_ = nullptr;
}

bool Outbox::deliver_one(double t) {
  write_note();
  const std::optional<Delivery> delivery =
      store_.take_due(labels_, t, t + 2 * options_.time_limit_s);
  if (!delivery) return false;
  const auto target =
      std::find_if(options_.targets.begin(), options_.targets.end(),
                   [&](const Target& one) { return one.label == delivery->target; });
  const Message message = make_message(delivery->change, options_.style);
  const Attempt attempt = transport_.send(*target, delivery->change, message);
  if (attempt.outcome == Outcome::kSent) {
    note([this, id = delivery->id] { store_.delivered(id); });
    return true;
  }
  if (attempt.outcome == Outcome::kRefused || t - delivery->created_t > kGiveUpAfterS) {
    log_("notification " + std::to_string(delivery->change.id) + " to " + delivery->target + ": " +
         attempt.why + ": given up, check the target");
    note([this, given_up = *delivery, t, why = attempt.why] { store_.give_up(given_up, t, why); });
    return true;
  }
  if (delivery->attempts == 1) {
    log_("notification " + std::to_string(delivery->change.id) + " to " + delivery->target + ": " +
         attempt.why + ": will be tried again");
  }
  note([this, id = delivery->id, next_t = t + wait_after(delivery->attempts)] {
    store_.retry(id, next_t);
  });
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
      transport_(options_.time_limit_s),
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
    // The watcher, which uses the same file, says what is wrong with it. What the outbox could not
    // note of an attempt it still knows.
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
