// mla push: a recording as a profile to Pyroscope or Parca.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

#include "commands.h"
#include "notify/secret.h"
#include "output.h"
#include "push/push_request.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "recording_labels.h"
#include "report/packing.h"
#include "report/units.h"
#include "report/utf8.h"
#include "validators.h"

namespace mla {
namespace {

constexpr double kLongestWaitS = 60;
constexpr size_t kWords = 200;  // columns of what a server says

struct Options {
  std::string recording;
  std::string pyroscope;
  std::string parca;
  std::string tenant;
  std::vector<std::string> labels;
  bool native = false;
  std::vector<std::string> debug_directories;
  uint64_t attempts = 5;
  double first_retry_s = 1;
  double time_limit_s = 10;
  bool dry_run = false;
};

uint64_t now_unix_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

// The server's own words, in one line.
std::string words_of(std::string body) {
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.pop_back();
  std::replace(body.begin(), body.end(), '\n', ' ');
  return cut_right(printable(body), kWords);
}

std::string advice_without_answer(Silence silence) {
  switch (silence) {
    case Silence::kUnknownHost:
      return "check the host's name in the address";
    case Silence::kNoConnection:
      return "see that the server runs, and that the address has its port";
    case Silence::kTimeOut:
      return "give it longer with --timeout, or see whether it is overloaded";
    case Silence::kBrokenOff:
      return "see that the address is that of the server (http or https, host and port) and what "
             "its log says";
    case Silence::kCertificate:
      return "see that the server speaks https at this port, with a certificate this machine "
             "trusts";
    case Silence::kNone:
    case Silence::kOther:
      break;
  }
  return "see that the server runs and can be reached from here";
}

std::string advice(const HttpAnswer& answer, PushServer server) {
  const bool pyroscope = server == PushServer::kPyroscope;
  if (answer.status == 0) return advice_without_answer(answer.silence);
  if (!answer.moved_to.empty()) {
    const std::string to = address_to_show(answer.moved_to);
    return "it points to " + printable(to.substr(0, to.find_first_of("?#"))) +
           ": give that address, without the path of the interface";
  }
  switch (answer.status) {
    case 401:
    case 403:
      return pyroscope ? "check --tenant, and the user and password of the address"
                       : "check the user and password of the address";
    case 404:
    case 405:
      return pyroscope ? "check that the address is that of a Pyroscope, without the path of its "
                         "interface"
                       : "check that the address is that of a Parca, without the path of its "
                         "interface";
    case 413:
      return "raise the largest body that the server or a proxy before it accepts";
    case 429:
      return "try again later, or raise the server's limit of profiles for this tenant";
    default:
      return answer.outcome == Outcome::kTryAgain
                 ? "see what the server's log says, try again later"
                 : "the server will not take this profile";
  }
}

// Sends it, again and again where that may help.
void send(const HttpRequest& request, PushServer server, const Options& options) {
  std::minstd_rand random(std::random_device{}());
  const std::string host = host_of(request.url);
  const std::atomic<bool> aborted = false;
  double wait_s = options.first_retry_s;
  for (uint64_t attempt = 1;; ++attempt, wait_s *= 2) {
    const HttpAnswer answer = http_post(request, options.time_limit_s, aborted);
    if (answer.outcome == Outcome::kSent) return;
    std::string why = answer.why;
    const std::string words = words_of(answer.body);
    if (!words.empty()) why += " (" + words + ")";
    const bool again =
        answer.outcome == Outcome::kTryAgain && (answer.status != 0 || may_pass(answer.silence));
    if (!again || attempt == options.attempts) throw Error(host, why, advice(answer, server));
    const double wished =
        std::max(wait_s * std::uniform_real_distribution(0.5, 1.5)(random), answer.retry_after_s);
    const double wait = std::min(wished, kLongestWaitS);
    std::cerr << "mla: " << host << ": " << why << ": attempt " << attempt << " of "
              << options.attempts << ", the next in " << human_seconds(wait) << '\n';
    std::this_thread::sleep_for(std::chrono::duration<double>(wait));
  }
}

void describe(std::ostream& out, const Pprof& profile, const HttpRequest& request, bool restamped) {
  out << "  " << counted(profile.samples, "stack") << ", " << human_bytes(profile.bytes.size())
      << "; the request has " << human_bytes(request.body.size()) << '\n';
  if (profile.other_stacks > 0) {
    out << "  to keep the server's limits the " << with_commas(profile.other_stacks)
        << " smallest are one, [other call sites], with " << human_bytes(profile.other_live_bytes)
        << " alive\n";
  }
  if (profile.cut_stacks > 0) {
    out << "  outer frames were left out of " << counted(profile.cut_stacks, "stack") << '\n';
  }
  if (restamped) {
    out << "  dated now: the server refuses what is as old as this recording\n";
  }
}

void push(const Options& options) {
  const bool pyroscope = !options.pyroscope.empty();
  if (pyroscope == !options.parca.empty()) {
    throw Error("mla push", "it is not said where to", "give --pyroscope URL or --parca URL");
  }
  PushTarget target;
  target.server = pyroscope ? PushServer::kPyroscope : PushServer::kParca;
  target.url = pyroscope ? or_first_line(options.pyroscope, "--pyroscope")
                         : or_first_line(options.parca, "--parca");
  target.tenant = options.tenant;
  PushLabels own;
  for (const std::string& label : options.labels) add_label(own, label);
  check_push(target, own);

  const Snapshot snapshot = read_snapshot(find_recording(options.recording));
  PushLabels labels = own;
  labels.merge(fit_labels(recording_labels(snapshot)));
  check_push(target, labels);
  const uint64_t now = now_unix_ns();
  const uint64_t at = snapshot.status == ProcessStatus::kAlive ? now : last_unix_ns(snapshot);
  Symbolizer symbolizer(snapshot, {.debug_directories = options.debug_directories});
  PprofOptions pprof;
  pprof.native = options.native;
  pprof.time_unix_ns = acceptable_time_ns(at, now);
  pprof.limits = kPushLimits;
  const Pprof profile = make_pprof(snapshot, symbolizer, pprof);
  const HttpRequest request =
      push_request(target, labels, deflated(profile.bytes, Framing::kGzip), pprof.time_unix_ns);
  Output out;
  if (options.dry_run) {
    out.stream() << "would be sent: POST " << address_to_show(request.url) << '\n';
    for (const std::string& header : request.headers) out.stream() << "  " << header << '\n';
  } else {
    send(request, target.server, options);
    out.stream() << "sent to " << host_of(request.url) << '\n';
  }
  out.stream() << "  labels:";
  for (const auto& [name, value] : labels) out.stream() << ' ' << name << '=' << value;
  out.stream() << '\n';
  describe(out.stream(), profile, request, pprof.time_unix_ns != at);
  out.finish();
}

}  // namespace

void add_push(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "push", "Send a recording to Pyroscope or Parca",
                  "mla push [options] FILE|PID --pyroscope URL | --parca URL",
                  "Exit codes: 0 the server has it, 2 it has not.\n\n"
                  "Examples:\n"
                  "  mla push 4711 --pyroscope http://localhost:4040\n"
                  "  mla push server.mla --parca http://localhost:7070 --label release=1.4\n"
                  "  mla push --dry-run 4711 --pyroscope @/etc/mla/pyroscope-url --tenant a");
  command
      .add_option("RECORDING", options->recording,
                  "A recording, a core file that holds one, or the\npid of a running or dead "
                  "process")
      ->type_name("FILE|PID")
      ->required();
  CLI::Option* pyroscope = command
                               .add_option("--pyroscope", options->pyroscope,
                                           "The address of a Pyroscope; @FILE reads it from a file")
                               ->type_name("URL");
  command.add_option("--parca", options->parca, "The address of a Parca; or @FILE")
      ->type_name("URL")
      ->excludes(pyroscope);
  command
      .add_option("--label", options->labels,
                  "A label of the profile, beside service, host and build\n"
                  "or in place of one (may be repeated)")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->allow_extra_args(false);
  command.add_option("--tenant", options->tenant, "The tenant of a Pyroscope that has some")
      ->type_name("ID")
      ->needs(pyroscope);
  command.add_flag("--native", options->native, "With the C frames of Python's interpreter, too");
  command
      .add_option("--debug-dir", options->debug_directories,
                  "Look for separate debug files here first (may be repeated)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command
      .add_option("--attempts", options->attempts,
                  "How often to try, at most (5): again only without an\n"
                  "answer in time and after status 408, 429 and 5xx")
      ->type_name("N")
      ->check(whole_number(1));
  command
      .add_option("--retry", options->first_retry_s,
                  "Seconds until the second attempt (1), then twice as long\n"
                  "each time")
      ->type_name("SECONDS")
      ->check(positive_number());
  command.add_option("--timeout", options->time_limit_s, "Seconds an attempt may take (10)")
      ->type_name("SECONDS")
      ->check(number_between(0.1, 3600.0));
  command.add_flag("--dry-run", options->dry_run, "Send nothing; print what would be sent");
  command.callback([options, &exit_code] {
    push(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
