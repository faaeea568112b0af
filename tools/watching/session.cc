#include "watching/session.h"

#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "reader/error.h"

namespace mla {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

std::string message_template(const std::string& text) {
  if (!text.starts_with('@')) return text.empty() ? kDefaultBody : text;
  std::ifstream in(text.substr(1), std::ios::binary);
  std::ostringstream contents;
  if (!(contents << in.rdbuf())) {
    throw Error(text.substr(1), "cannot be read, or is empty", "give --message a file with a text");
  }
  return contents.str();
}

OutboxOptions outbox_options(const WatchSettings& settings) {
  OutboxOptions options;
  for (const std::string& target : settings.notify) {
    options.targets.push_back(parse_target(target));
  }
  options.style = {message_template(settings.message), settings.link};
  for (const Target& target : options.targets) {
    if (is_address(target) && !settings.dry_run) check_transport();
  }
  check_template(options.style.body, "--message");
  check_template(options.style.link, "--link-base");
  options.first_retry_s = settings.first_retry_s;
  options.time_limit_s = settings.time_limit_s;
  return options;
}

WatchOptions watch_options(const WatchSettings& settings, const OutboxOptions& outbox) {
  WatchOptions options;
  options.file = settings.file.empty() ? default_history_file() : settings.file;
  options.max_bytes = settings.megabytes << 20;
  options.every_s = settings.every_s;
  options.founding = settings.founding;
  options.thresholds = settings.thresholds;
  options.scratch = settings.dry_run;
  for (const Target& target : outbox.targets) options.targets.push_back(target.label);
  return options;
}

void log_line(const std::string& line) {
  std::cerr << "mla: " + line + '\n';  // one write: two threads log
}

}  // namespace

std::string default_history_file() {
  std::string state = variable("XDG_STATE_HOME");
  if (state.empty() || state[0] != '/') {
    const std::string home = variable("HOME");
    if (home.empty()) {
      throw Error("--db", "there is no default without HOME", "name a file with --db");
    }
    state = home + "/.local/state";
  }
  std::error_code error;
  std::filesystem::create_directories(state + "/mla", error);
  if (error) {
    throw Error(state + "/mla", "cannot be made (" + error.message() + ")",
                "name a file with --db");
  }
  return state + "/mla/history.db";
}

void add_history_option(CLI::App& command, std::string& file) {
  command
      .add_option("--db", file,
                  "The history (default: $XDG_STATE_HOME/mla/history.db,\n"
                  "else ~/.local/state/mla/history.db)")
      ->type_name("FILE");
}

void add_notify_options(CLI::App& command, WatchSettings& settings) {
  command
      .add_option("--notify", settings.notify,
                  "Tell of changes: webhook:URL, wecom:URL, slack:URL,\n"
                  "mail:ADDRESS or exec:COMMAND; KIND:@FILE reads what\n"
                  "follows the colon from a file. May be repeated")
      ->type_name("KIND:TARGET")
      ->take_all()
      ->allow_extra_args(false);
  command
      .add_option("--message", settings.message,
                  "The text of notifications, with fields such as {title},\n"
                  "{evidence} and {link}; @FILE reads it from a file")
      ->type_name("TEXT");
  command
      .add_option("--link-base", settings.link,
                  "The address of {link}, with fields such as {service}")
      ->type_name("URL");
}

WatchSession::WatchSession(ProcessSource& source, const WatchSettings& settings, std::ostream& out)
    : out_(out),
      outbox_(outbox_options(settings)),
      watcher_(
          source, clock_, options_ = watch_options(settings, outbox_),
          {[this](const Change& change) { print(change); }, log_line, [this] { sender_.reset(); }}),
      dry_run_(settings.dry_run) {}

void WatchSession::print(const Change& change) {
  const Message message = make_message(change, {kDefaultBody, outbox_.style.link});
  out_ << message.fields.at("time") << ' ' << message.title;
  for (const char* field : {"workers", "reason"}) {
    if (!message.fields.at(field).empty()) out_ << "; " << message.fields.at(field);
  }
  out_ << '\n';
  changed_ = changed_ || change.notified;
  if (!dry_run_ || !change.notified) return;
  const Message sent = make_message(change, outbox_.style);
  for (const Target& target : outbox_.targets) {
    out_ << "would be sent to " << target.label << ":\n" << payload(target, change, sent) << '\n';
  }
}

void WatchSession::sample() {
  watcher_.sample();
  if (dry_run_ || outbox_.targets.empty() || watcher_.store() == nullptr) return;
  if (!sender_) start_sender();
  if (changed_ && sender_) sender_->wake();
  changed_ = false;
}

void WatchSession::start_sender() {
  const SteadyTime time = watcher_.time();
  try {
    sender_ = std::make_unique<Sender>(
        options_.file, options_.max_bytes, outbox_,
        [time] {
          timespec now{};
          clock_gettime(CLOCK_BOOTTIME, &now);
          return time.at(static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9);
        },
        log_line);
    no_thread_said_ = false;
  } catch (const std::system_error& error) {
    if (!no_thread_said_) {
      log_line(std::string("notifications cannot be sent: no thread can be made (") + error.what() +
               "): they wait in the history, and it is tried again");
    }
    no_thread_said_ = true;
  }
}

void WatchSession::finish(double seconds) {
  watcher_.write();
  if (watcher_.unwritten() > 0) {
    log_line(options_.file + ": " + std::to_string(watcher_.unwritten()) +
             " samples were not written: they are lost");
  }
  if (sender_) sender_->drain(seconds);
  sender_.reset();
}

}  // namespace mla
