#include "top/session.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include "reader/directory.h"
#include "reader/error.h"
#include "report/utf8.h"
#include "report/verdict_text.h"
#include "top/columns.h"

namespace mla {
namespace {

constexpr int kMostKeysAtOnce = 100;

double steady_s() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string clock_text() {
  const time_t now = time(nullptr);
  struct tm local {};
  localtime_r(&now, &local);
  std::array<char, 16> text{};
  strftime(text.data(), text.size(), "%H:%M:%S", &local);
  return text.data();
}

uint64_t nanoseconds(double seconds) {
  return seconds <= 0 ? 0 : static_cast<uint64_t>(seconds * 1e9);
}

WorkerRow row_of(const TopWorker& worker, double began_s) {
  WorkerRow row;
  row.pid = worker.process.pid;
  row.alive = worker.alive;
  row.rss_bytes = worker.rss_bytes;
  row.live_bytes = worker.live_bytes;
  row.threads = worker.counts.threads;
  row.descriptors = worker.counts.descriptors;
  row.tcp = worker.counts.tcp;
  row.command = without_directories(printable(worker.command));
  if (worker.verdict) {
    row.verdict = verdict_name(worker.verdict->verdict);
    row.leak = worker.verdict->verdict == VerdictClass::kLeak;
    if (has_rate(*worker.verdict)) row.rate = worker.verdict->rate.value;
  }
  if (!worker.alive) row.verdict = worker.ended;
  const std::vector<double>& t_s = worker.window.t_s();
  for (size_t i = 0; i < t_s.size(); ++i) {
    row.rss.push_back(
        {nanoseconds(t_s[i] - began_s), static_cast<uint64_t>(worker.window.rss_bytes()[i])});
  }
  return row;
}

}  // namespace

TopSession::TopSession(TopOptions options)
    : options_(std::move(options)), began_s_(steady_s()), now_s_(began_s_) {
  if (options_.name.empty()) {
    pane_ = std::make_unique<RecordingPane>(find_recording(options_.recording), options_.utf8);
    pane_was_alive_ = pane_->model().is_alive();
  } else {
    workers_ = std::make_unique<WorkersModel>(options_.name);
  }
}

void TopSession::refresh(double now_s) {
  now_s_ = now_s;
  clock_ = clock_text();
  if (workers_) workers_->refresh(now_s);
  if (!pane_) return;
  pane_->refresh(now_s);
  if (pane_->model().is_alive()) {
    pane_was_alive_ = true;
    pane_alive_s_ = now_s;
  } else if (pane_was_alive_) {
    follow(now_s);
  }
}

// Goes on with the process that came in place of the one that ended under us: of the same name, or
// of the same pid, which executed another program.
void TopSession::follow(double now_s) {
  const std::string before = std::to_string(pane_->model().snapshot().process.pid);
  try {
    std::string path;
    std::string message = "pid ";
    if (workers_) {
      const TopWorker* next = workers_->newcomer_since(pane_alive_s_);
      if (next == nullptr) return;
      path = next->recording;
      selected_ = next->process;
      message.append(before).append(" ended; going on with pid ");
      message.append(std::to_string(next->process.pid));
    } else {
      path = find_recording(options_.recording);
      if (path == pane_->model().path()) return;
      message.append(before).append(" began another program; going on with it");
    }
    auto pane = std::make_unique<RecordingPane>(path, options_.utf8);
    if (!pane->model().is_alive()) return;
    pane_ = std::move(pane);
    pane_alive_s_ = now_s;
    message_ = std::move(message);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is asked again
  }
}

void TopSession::open_worker() {
  const TopWorker* worker = workers_->find(selected_);
  if (worker == nullptr) return;
  std::string who = "pid ";
  who.append(std::to_string(worker->process.pid));
  if (worker->recording.empty()) {
    message_ = who.append(" is not recorded: start it with mla run, or with LD_PRELOAD=libmla.so");
    return;
  }
  try {
    pane_ = std::make_unique<RecordingPane>(worker->recording, options_.utf8);
    pane_was_alive_ = pane_->model().is_alive();
    pane_alive_s_ = now_s_;
  } catch (const Error& error) {
    message_ = who.append(": its recording ").append(error.why());
  }
}

void TopSession::press_in_list(const KeyPress& key) {
  const std::vector<const TopWorker*> rows = workers_->rows();
  if (rows.empty()) return;
  const auto at = std::find_if(rows.begin(), rows.end(), [this](const TopWorker* worker) {
    return worker->process == selected_;
  });
  const long last = static_cast<long>(rows.size()) - 1;
  const long now = at == rows.end() ? 0 : at - rows.begin();
  constexpr long kPage = 10;
  long next = now;
  if (key.is(Key::kUp) || key.code == 'k') next = now - 1;
  if (key.is(Key::kDown) || key.code == 'j') next = now + 1;
  if (key.is(Key::kPageUp)) next = now - kPage;
  if (key.is(Key::kPageDown)) next = now + kPage;
  if (key.is(Key::kHome)) next = 0;
  if (key.is(Key::kEnd)) next = last;
  selected_ = rows[static_cast<size_t>(std::clamp(next, 0L, last))]->process;
  if (key.is(Key::kEnter) || key.is(Key::kRight)) open_worker();
}

bool TopSession::press(const KeyPress& key) {
  if (key.is(Key::kQuit)) return false;
  if (key.is(Key::kResize)) return true;
  if (help_) {
    help_ = false;
    return true;
  }
  message_.clear();
  if (pane_ && pane_->is_entering_search()) {
    pane_->press(key);
    return true;
  }
  switch (key.code) {
    case 'q':
      return false;
    case '?':
    case 'h':
      help_ = true;
      return true;
    case 'p':
    case ' ':
      paused_ = !paused_;
      return true;
    default:
      break;
  }
  if (!pane_) {
    press_in_list(key);
  } else if (!pane_->press(key) && workers_ &&
             (key.is(Key::kEscape) || key.is(Key::kLeft) || key.is(Key::kBackspace))) {
    pane_.reset();
  }
  return true;
}

WorkersScreen TopSession::workers_screen() const {
  WorkersScreen screen;
  screen.name = printable(workers_->name());
  screen.clock = clock_;
  screen.paused = paused_;
  screen.message = message_;
  screen.utf8 = options_.utf8;
  screen.end_ns = nanoseconds(now_s_ - began_s_);
  for (const TopWorker* worker : workers_->rows()) {
    if (worker->process == selected_) screen.cursor = screen.rows.size();
    screen.rows.push_back(row_of(*worker, began_s_));
  }
  return screen;
}

std::vector<Line> TopSession::lines(ScreenSize size) {
  if (size.width < kLeastScreen.width || size.height < kLeastScreen.height) {
    return too_small_lines(size);
  }
  if (help_) return help_lines(size);
  if (!pane_) return workers_lines(workers_screen(), size);
  return pane_->lines(size, {clock_, paused_, workers_ != nullptr, message_});
}

void TopSession::run() {
  Screen screen(options_.colour, options_.utf8);
  double next_s = 0;
  while (true) {
    const double now_s = steady_s();
    if (!paused_ && now_s >= next_s) {
      refresh(now_s);
      next_s = std::max(next_s + options_.interval_s, now_s);
    }
    screen.draw(lines(screen.size()));
    const bool unfinished = pane_ && pane_->wants_time() && !help_;
    const double wait_s = unfinished ? 0 : paused_ ? 1 : std::max(0.0, next_s - steady_s());
    auto key = screen.key(static_cast<int>(std::ceil(wait_s * 1000)));
    for (int i = 0; key && i < kMostKeysAtOnce; ++i) {
      if (!press(*key)) return;
      key = screen.key(0);
    }
  }
}

std::vector<Line> TopSession::once(ScreenSize size) {
  refresh(now_s_);
  std::vector<Line> result = lines(size);
  while (pane_ && pane_->wants_time()) result = lines(size);
  result.pop_back();  // the keys
  while (!result.empty() && result.back().spans().empty()) result.pop_back();
  return result;
}

}  // namespace mla
