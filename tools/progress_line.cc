#include "progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "report/units.h"
#include "report/utf8.h"

namespace mla {
namespace {

constexpr auto kSilence = std::chrono::seconds(1);
constexpr auto kBetween = std::chrono::milliseconds(200);

bool can_overwrite() {
  if (isatty(STDERR_FILENO) != 1) return false;
  const char* terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return terminal != nullptr && std::string_view(terminal) != "dumb";
}

size_t width() {
  winsize window{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
}

// A terminal that takes nothing is no reason to fail.
void put(const std::string& text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

ProgressLine::ProgressLine(std::string at_first) : at_first_(std::move(at_first)) {
  if (!can_overwrite()) return;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    ended_ = true;  // the work is done without a word
  }
}

ProgressLine::~ProgressLine() {
  end();
  if (thread_.joinable()) thread_.join();
}

SymbolProgress ProgressLine::symbols() {
  if (!thread_.joinable()) return nullptr;
  return [this](uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    done_ = std::max(done_, done);  // threads overtake each other
    total_ = total;
  };
}

void ProgressLine::end() {
  const std::lock_guard lock(mutex_);
  if (!drawn_.empty()) put("\r\033[K");
  drawn_.clear();
  ended_ = true;
  end_.notify_one();
}

void ProgressLine::run() {
  std::unique_lock lock(mutex_);
  end_.wait_for(lock, kSilence, [this] { return ended_; });
  while (!ended_) {
    draw();
    end_.wait_for(lock, kBetween, [this] { return ended_; });
  }
}

std::string ProgressLine::text() const {
  if (done_ == 0) return at_first_;
  std::string text = "symbols ";
  if (total_ == 0) {
    text += "(" + with_commas(done_) + " addresses)";
    return text;
  }
  if (done_ >= total_) return "writing";
  text += std::to_string(done_ * 100 / total_);
  text += " % (" + with_commas(done_) + " of " + with_commas(total_) + " addresses)";
  return text;
}

void ProgressLine::draw() {
  // One column is left free: some terminals wrap a line that fills the last one.
  std::string line = cut_right(printable("mla: " + text()), width() - 1);
  if (line == drawn_) return;
  put("\r" + line + "\033[K");
  drawn_ = std::move(line);
}

}  // namespace mla
