// Two days and more of twenty processes, through the watcher's own code: store, judge, notify.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <map>
#include <numbers>
#include <random>
#include <set>

#include "notify/outbox.h"
#include "support/simulated_host.h"
#include "support/temporary_directory.h"
#include "watch/watcher.h"

namespace mla {
namespace {

constexpr double kEveryS = 300;  // thirty times what mla does, for a test in seconds
constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kDay = 86400;

// Fails now and then, as servers do.
class FlakyTransport : public Transport {
 public:
  Attempt send(const Target& target, const Change& change, const Message&) override {
    if (++tries % 3 != 0) return {Outcome::kTryAgain, "HTTP status 500"};
    ++sent[{target.label, change.id}];
    return {};
  }
  int tries = 0;
  std::map<std::pair<std::string, int64_t>, int> sent;
};

class TwoDays : public ::testing::Test {
 protected:
  TwoDays() : host(clock) {
    options.file = directory / "history.db";
    options.every_s = kEveryS;
    outbox_options.targets = {parse_target("wecom:http://127.0.0.1/send?key=one"),
                              parse_target("slack:http://127.0.0.1/two")};
    outbox_options.style = {kDefaultBody, ""};
    for (const Target& target : outbox_options.targets) options.targets.push_back(target.label);
  }

  void restart() {  // as after kill -9: nothing but the file is left
    outbox.reset();
    watcher.reset();
    watcher = std::make_unique<Watcher>(
        host, clock, options,
        WatchEvents{[this](const Change& change) { changes.push_back(change); },
                    [this](const std::string& line) { problems.push_back(line); }});
    outbox = std::make_unique<Outbox>(*watcher->store(), transport, outbox_options,
                                      [](const std::string&) {});
  }

  void run_for(double seconds) {
    for (double passed = 0; passed < seconds; passed += kEveryS) {
      clock.pass(kEveryS);
      watcher->sample();
      while (outbox->deliver_one(watcher->time().at(clock.boot_s))) {
      }
      struct stat status {};
      if (stat(options.file.c_str(), &status) == 0) largest = std::max(largest, status.st_size);
    }
  }

  // Notified changes of a kind of a service.
  int notified(ChangeKind kind, const std::string& service) const {
    int count = 0;
    for (const Change& one : changes) {
      count += one.kind == kind && one.of.service == service && one.notified ? 1 : 0;
    }
    return count;
  }

  std::function<double(double)> flat(double mib) {
    return
        [this, mib](double) { return (mib + std::normal_distribution(0.0, 0.3)(random)) * kMiB; };
  }

  // With the cycle of a day: on the first one alone its rise looks like a leak.
  std::function<double(double)> level(double mib) {
    return [calm = flat(mib)](double age) {
      return calm(age) + 2 * kMiB * std::sin(2 * std::numbers::pi * age / kDay);
    };
  }

  test::TemporaryDirectory directory;
  test::FakeClock clock;
  test::SimulatedHost host;
  std::minstd_rand random{7};
  WatchOptions options;
  OutboxOptions outbox_options;
  FlakyTransport transport;
  std::unique_ptr<Watcher> watcher;
  std::unique_ptr<Outbox> outbox;
  std::vector<Change> changes;
  std::vector<std::string> problems;
  off_t largest = 0;
};

TEST_F(TwoDays, TwentyProcesses) {
  const ServiceKey steady{"steady.py", "host", "b1"};
  const ServiceKey fuller{"fuller.py", "host", "b1"};
  const ServiceKey leaky{"leaky.py", "host", "b1"};
  for (int i = 0; i < 12; ++i) host.start(steady, "steady.py", level(500));
  for (int i = 0; i < 4; ++i) {
    // A quarter more from the second day on.
    host.start(fuller, "fuller.py", [calm = level(400), full = level(500)](double age) {
      return age < kDay ? calm(age) : full(age);
    });
  }
  for (int i = 0; i < 4; ++i) {
    host.start(leaky, "leaky.py --port " + std::to_string(i),
               [calm = level(300)](double age) { return calm(age) + age / 3600 * 20 * kMiB; });
  }
  restart();
  run_for(1.5 * 3600);
  restart();
  run_for(kDay - 1.5 * 3600);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "leaky.py"), 1);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "steady.py"), 0);
  EXPECT_EQ(notified(ChangeKind::kDay, "fuller.py"), 0) << "there is no yesterday";
  run_for(kDay / 2);
  restart();
  run_for(kDay / 2 - kEveryS);

  EXPECT_EQ(notified(ChangeKind::kDay, "fuller.py"), 1);
  EXPECT_EQ(notified(ChangeKind::kDay, "steady.py"), 0);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "leaky.py"), 1) << "of four workers, across restarts";
  EXPECT_EQ(notified(ChangeKind::kVerdict, "steady.py"), 0);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "fuller.py"), 0);
  for (const Change& change : changes) {
    if (change.kind != ChangeKind::kDay || change.of.service != "fuller.py") continue;
    const double hours = (change.wall_s - 1'789'948'800) / 3600;  // since the first midnight
    EXPECT_NEAR(hours, 26, 0.3) << "after two hours";
  }
  run_for(4 * 3600);  // the third day is like the second
  EXPECT_EQ(notified(ChangeKind::kDay, "fuller.py"), 1);

  // Each notification reached each target once, for all that failed first.
  int wanted = 0;
  for (const Change& change : changes) wanted += change.notified ? 2 : 0;
  EXPECT_EQ(static_cast<int>(transport.sent.size()), wanted);
  for (const auto& [what, times] : transport.sent) EXPECT_EQ(times, 1) << what.first;
  EXPECT_EQ(watcher->store()->waiting(), 0U);

  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(watcher->store()->series().size(), 20U);
  EXPECT_LT(largest, 2 << 20);
}

TEST_F(TwoDays, DaysAreComparedAcrossRestarts) {
  const ServiceKey nightly{"nightly.py", "host", "b1"};
  for (int day = 0; day < 3; ++day) {
    host.processes.clear();
    for (int i = 0; i < 4; ++i) host.start(nightly, "nightly.py", level(day < 2 ? 400 : 500));
    restart();
    run_for(kDay);
    EXPECT_EQ(notified(ChangeKind::kDay, "nightly.py"), day < 2 ? 0 : 1) << day;
  }
  EXPECT_EQ(notified(ChangeKind::kVerdict, "nightly.py"), 0);
  EXPECT_EQ(watcher->store()->series().size(), 4U);
}

TEST_F(TwoDays, AReleaseThatTakesMoreIsToldOnce) {
  const auto warm_up = [this](double mib) {
    return
        [calm = level(mib)](double age) { return calm(age) * (1 - 0.5 * std::exp(-age / 1800)); };
  };
  for (int i = 0; i < 4; ++i) {
    host.start({"server.py", "host", "release-1"}, "server.py", warm_up(400));
  }
  restart();
  run_for(10 * 3600);
  host.processes.clear();
  for (int i = 0; i < 4; ++i) {
    host.start({"server.py", "host", "release-2"}, "server.py", warm_up(520));
  }
  run_for(1.5 * 3600);
  EXPECT_EQ(notified(ChangeKind::kRelease, "server.py"), 0) << "not two hours yet";
  run_for(2 * 3600);
  EXPECT_EQ(notified(ChangeKind::kRelease, "server.py"), 1);
  restart();
  run_for(3 * 3600);
  EXPECT_EQ(notified(ChangeKind::kRelease, "server.py"), 1);
  // The same again is no news.
  host.processes.clear();
  for (int i = 0; i < 4; ++i) {
    host.start({"server.py", "host", "release-3"}, "server.py", warm_up(520));
  }
  run_for(6 * 3600);
  EXPECT_EQ(notified(ChangeKind::kRelease, "server.py"), 1);
}

TEST_F(TwoDays, TheFoundingRuleNotifiesByItsThresholds) {
  options.founding = true;
  host.start({"steady.py", "host", "b"}, "steady.py", [](double) { return 500 * kMiB; });
  host.start({"slope.py", "host", "b"}, "slope.py",
             [](double age) { return 500 * kMiB + age / 60 * 0.03 * kMiB; });  // Notify_Peak 0.0285
  restart();
  run_for(4.9 * 3600);
  EXPECT_TRUE(changes.empty()) << "fewer than Invalid_Count samples";
  run_for(1.5 * 3600);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "slope.py"), 1);
  EXPECT_EQ(notified(ChangeKind::kVerdict, "steady.py"), 0);
}

TEST_F(TwoDays, AClockThatJumpsChangesNoVerdict) {
  host.start({"steady.py", "host", "b"}, "steady.py", flat(500));
  restart();
  run_for(3 * 3600);
  clock.wall_s += kDay;
  run_for(3600);
  clock.wall_s -= kDay + 3600;
  run_for(3600);
  EXPECT_EQ(watcher->store()->series().at(0).verdict, "stable");
  std::vector<std::string> jumps;
  for (const Mark& mark : watcher->store()->marks(0, 1e12)) {
    if (mark.kind == MarkKind::kClock) jumps.push_back(mark.detail);
  }
  EXPECT_EQ(jumps, (std::vector<std::string>{"86400 s", "-90000 s"}));
  // As many points as samples were taken.
  EXPECT_NEAR(static_cast<double>(watcher->store()->points(1, 1, 0, 1e12).size()), 60, 1);
  for (const Change& change : changes) EXPECT_FALSE(change.notified);
}

}  // namespace
}  // namespace mla
