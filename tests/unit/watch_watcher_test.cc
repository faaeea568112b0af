#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "history/history_error.h"
#include "support/simulated_host.h"
#include "support/temporary_directory.h"
#include "watch/compared.h"
#include "watch/rss_verdict.h"
#include "watch/watcher.h"

namespace mla {
namespace {

const ServiceKey kServer{"server.py", "host", "build"};

double flat(double) { return 100e6; }

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() : host(clock) { options.file = directory / "history.db"; }

  void restart() {
    watcher.reset();
    watcher = std::make_unique<Watcher>(
        host, clock, options,
        WatchEvents{[](const Change&) {},
                    [this](const std::string& line) { problems.push_back(line); }});
  }
  void sample(int times) {
    for (int i = 0; i < times; ++i) {
      clock.pass(10);
      watcher->sample();
    }
  }
  size_t stored_samples() {
    Store store(options.file);
    size_t count = 0;
    for (const SeriesRecord& one : store.series()) {
      for (const Point& point : store.points(one.id, 0, 0, 1e12)) {
        count += static_cast<size_t>(point.samples);
      }
    }
    return count;
  }
  std::vector<std::string> marks() {
    std::vector<std::string> all;
    for (const Mark& mark : Store(options.file).marks(0, 1e12)) {
      all.push_back(std::string(mark_name(mark.kind)) + ' ' + mark.detail);
    }
    return all;
  }

  test::TemporaryDirectory directory;
  test::FakeClock clock;
  test::SimulatedHost host;
  WatchOptions options;
  std::unique_ptr<Watcher> watcher;
  std::vector<std::string> problems;
};

TEST_F(WatcherTest, ARestartedWorkerGoesOnInItsSeries) {
  host.start(kServer, "server.py", flat);           // 100
  host.start(kServer, "server.py", flat);           // 101
  host.start(kServer, "server.py --port 1", flat);  // 102
  restart();
  sample(3);
  host.processes.erase(101);
  host.processes.erase(102);
  sample(2);
  host.start(kServer, "server.py", flat);  // 103
  host.start(kServer, "server.py", flat);  // 104: one more than before
  sample(2);
  const std::vector<SeriesRecord> series = Store(options.file).series();
  ASSERT_EQ(series.size(), 4U);
  std::map<uint32_t, int64_t> slots;
  for (const SeriesRecord& one : series) slots[one.process.pid] = one.key.slot;
  EXPECT_EQ(slots, (std::map<uint32_t, int64_t>{{100, 0}, {103, 1}, {104, 2}, {102, 0}}));
  const std::vector<std::string> wanted = {"start pid 100", "start pid 101",
                                           "start pid 102", "end pid 101",
                                           "end pid 102",   "start pid 103, restart of pid 101",
                                           "start pid 104"};
  EXPECT_EQ(marks(), wanted);
}

TEST_F(WatcherTest, AWatcherThatWasKilledGoesOn) {
  for (int i = 0; i < 5; ++i) host.start(kServer, "server.py", flat);
  restart();
  sample(30);
  const auto window = watcher->workers().begin()->second.window.t_s().size();
  host.processes.erase(102);
  clock.pass(600);
  restart();
  host.start(kServer, "server.py", flat);  // 105, in place of 102
  sample(30);
  EXPECT_EQ(Store(options.file).series().size(), 5U);
  EXPECT_EQ(marks().back(), "start pid 105, restart of pid 102");
  for (const auto& [number, worker] : watcher->workers()) {
    // What the others were before is judged, too.
    EXPECT_EQ(worker.window.t_s().size(), worker.series.process.pid == 105 ? 30 : 30 + window)
        << worker.series.process.pid;
  }
}

TEST_F(WatcherTest, ALockedHistoryIsCaughtUpWith) {
  host.start(kServer, "server.py", flat);
  restart();
  sample(2);
  {
    Store other(options.file, options.max_bytes);
    const Transaction lock(other.database());
    sample(2);
    EXPECT_EQ(watcher->unwritten(), 2U);
    ASSERT_EQ(problems.size(), 1U) << "said once";
    EXPECT_NE(problems[0].find("is locked by another process"), std::string::npos);
  }
  sample(1);
  EXPECT_EQ(stored_samples(), 5U);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[1].find("nothing was lost"), std::string::npos);
}

TEST_F(WatcherTest, AHistoryThatIsRemovedIsBegunAgain) {
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  // Its -wal and -shm files stay, as after `rm history.db`.
  std::filesystem::remove(options.file);
  sample(2);
  EXPECT_EQ(stored_samples(), 2U);
  ASSERT_EQ(problems.size(), 1U) << "said once";
  EXPECT_NE(problems[0].find("was moved or removed"), std::string::npos);
}

TEST_F(WatcherTest, AHistoryThatWasPutAsideIsWhole) {
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  const std::string aside = directory / "aside.db";
  for (const char* suffix : {"-wal", "-shm", ""}) {
    std::filesystem::rename(options.file + suffix, aside + suffix);
  }
  sample(2);
  EXPECT_EQ(stored_samples(), 2U);
  options.file = aside;
  EXPECT_EQ(stored_samples(), 3U);
}

TEST_F(WatcherTest, AHistoryWhoseFileAloneWasPutAsideIsWhole) {
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  const std::string aside = directory / "aside.db";
  std::filesystem::rename(options.file, aside);
  sample(2);
  EXPECT_EQ(stored_samples(), 2U);
  options.file = aside;
  EXPECT_EQ(stored_samples(), 3U);
}

TEST_F(WatcherTest, AHistoryThatIsReplacedByAnother) {
  const std::string history = options.file;
  options.file = directory / "other.db";
  host.start({"other.py", "host", "build"}, "other.py", flat);
  restart();
  sample(5);
  watcher.reset();
  options.file = history;
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  std::filesystem::rename(directory / "other.db", history);
  sample(1);
  EXPECT_EQ(watcher->store()->series().size(), 2U);
  EXPECT_EQ(stored_samples(), 7U) << "five of the other before, one of each now";
  Statement check = watcher->store()->database().query("PRAGMA integrity_check");
  ASSERT_TRUE(check.step());
  EXPECT_EQ(check.text(0), "ok");
}

TEST_F(WatcherTest, AHistoryThatIsPutBackGoesOn) {
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  const std::string aside = directory / "aside.db";
  std::filesystem::rename(options.file, aside);
  sample(2);
  std::filesystem::rename(aside, options.file);  // over the one that was begun meanwhile
  clock.pass(500);
  sample(1);
  EXPECT_EQ(stored_samples(), 4U);
  EXPECT_EQ(watcher->store()->series().size(), 1U) << "the same worker";
}

TEST_F(WatcherTest, AHistoryWhoseDirectoryIsRemovedIsWaitedFor) {
  host.start(kServer, "server.py", flat);
  options.file = directory / "state/history.db";
  std::filesystem::create_directory(directory / "state");
  restart();
  sample(3);
  std::filesystem::remove_all(directory / "state");
  sample(2);
  EXPECT_EQ(watcher->store(), nullptr);
  EXPECT_EQ(watcher->unwritten(), 2U);
  std::filesystem::create_directory(directory / "state");
  sample(1);
  EXPECT_EQ(stored_samples(), 3U);
}

TEST_F(WatcherTest, AHistoryThatIsLockedAtTheStartIsWaitedFor) {
  host.start(kServer, "server.py", flat);
  clock.wall_s += 500;
  {
    Store other(options.file, options.max_bytes);
    other.save_mark({5000, 77, {clock.boot_s, 0, clock.boot_id}});  // its axis is not the clock's
    other.database().run("PRAGMA journal_mode = DELETE");
    other.database().run("PRAGMA locking_mode = EXCLUSIVE");
    const Transaction lock(other.database());
    other.database().run("INSERT INTO clock_offset VALUES(1, 77)");
    restart();
    sample(1);
    EXPECT_EQ(watcher->store(), nullptr);
    ASSERT_FALSE(problems.empty());
  }
  sample(1);
  EXPECT_EQ(stored_samples(), 2U);
  EXPECT_EQ(Store(options.file).points(1, 0, 5000, 5100).size(), 2U);
}

TEST_F(WatcherTest, AFullHistoryIsCaughtUpWith) {
  for (int i = 0; i < 40; ++i) {
    host.start(kServer, "server.py --name " + std::string(300, 'a') + std::to_string(i), flat);
  }
  restart();
  sample(1);
  watcher->store()->database().run("PRAGMA max_page_count = 1");  // that is: what it has now
  sample(150);
  ASSERT_FALSE(problems.empty());
  EXPECT_NE(problems[0].find("is full"), std::string::npos) << problems[0];
  const size_t waiting = watcher->unwritten();
  EXPECT_GT(waiting, 40U);
  watcher->store()->database().run("PRAGMA max_page_count = 100000");
  sample(1);
  EXPECT_EQ(watcher->unwritten(), 0U);
  EXPECT_EQ(stored_samples(), 40U * 152);
}

TEST_F(WatcherTest, WhatFindsNoRoomInMemoryIsCounted) {
  options.most_unwritten = 100;
  for (int i = 0; i < 10; ++i) host.start(kServer, "server.py", flat);
  restart();
  sample(1);
  {
    Store other(options.file, options.max_bytes);
    watcher->store()->database().run("PRAGMA busy_timeout = 0");
    const Transaction lock(other.database());
    sample(15);
  }
  sample(1);
  EXPECT_EQ(marks().back(), "lost 60 samples, while the history could not be used");
  EXPECT_NE(problems.back().find("60 samples were lost"), std::string::npos);
}

TEST_F(WatcherTest, AHistoryThatCanNeverBeUsedIsAnError) {
  std::ofstream(options.file) << std::string(5000, 'x');
  EXPECT_THROW(restart(), HistoryError);
  options.file = directory / "none/history.db";
  EXPECT_THROW(restart(), HistoryError);
}

TEST_F(WatcherTest, AScratchWatcherWritesNothing) {
  options.scratch = true;
  host.start(kServer, "server.py", flat);
  restart();
  sample(3);
  EXPECT_FALSE(std::ifstream(options.file).good());
}

TEST(Window, HalvesItsResolution) {
  Window window;
  for (int i = 0; i < 10'000; ++i) window.add(Sample{10.0 * i, 1000ULL + i, {}});
  EXPECT_LT(window.t_s().size(), kWindowPoints);
  EXPECT_GT(window.t_s().size(), kWindowPoints / 2);
  for (size_t i = 0; i < window.t_s().size(); ++i) {
    EXPECT_DOUBLE_EQ(window.rss_bytes()[i], 1000 + window.t_s()[i] / 10);
  }
  EXPECT_TRUE(window.live_bytes().empty());
}

TEST(Window, ForgetsWhatIsLongAgo) {
  Window window;
  for (int i = 0; i < 40'000; ++i) window.add(Sample{60.0 * i, 1000, 5});
  EXPECT_GT(window.t_s().front(), 60.0 * 40'000 - kWindowSeconds - 86400);
  EXPECT_EQ(window.live_bytes().size(), window.t_s().size());
}

TEST(Window, InMinutes) {
  const std::vector<double> mib =
      mib_by_minutes({0, 30, 90, 300}, {0, 30 * 1048576.0, 90 * 1048576.0, 300 * 1048576.0});
  EXPECT_EQ(mib, (std::vector<double>{0, 60, 120, 180, 240, 300}));
}

// What a process of 500 MiB that grows by so much an hour is called after so many hours.
VerdictClass growing(double mib_per_hour, double hours) {
  std::minstd_rand random{3};
  std::normal_distribution<double> noise(0, 0.3);
  std::vector<double> t_s;
  std::vector<double> rss;
  for (double t = 0; t <= hours * 3600; t += hours * 36) {
    t_s.push_back(t);
    rss.push_back((500 + mib_per_hour * t / 3600 + noise(random)) * 1048576);
  }
  return rss_verdict(t_s, rss).verdict;
}

TEST(RssVerdict, ALeakIsMaterial) {
  EXPECT_EQ(growing(5, 12), VerdictClass::kInsufficient) << "less than a day, 12 %";
  EXPECT_EQ(growing(15, 12), VerdictClass::kLeak) << "less than a day, 36 %";
  EXPECT_EQ(growing(5, 25), VerdictClass::kLeak) << "a day, 25 %";
  EXPECT_EQ(growing(0.2, 30), VerdictClass::kStable) << "a day, 1.2 %";
}

TEST(Compared, TheSameHoursOnly) {
  Steps yesterday;
  Steps today;
  for (int64_t step = 0; step < 96; ++step) yesterday[step] = step < 10 ? 100 : 1000;
  for (int64_t step = 96; step < 103; ++step) today[step] = 130;
  EXPECT_FALSE(compare_steps(today, yesterday, 96)) << "less than two hours";
  today[103] = 130;
  EXPECT_DOUBLE_EQ(compare_steps(today, yesterday, 96).value().ratio, 0.3);
  EXPECT_DOUBLE_EQ(compare_steps(today, yesterday, 96).value().hours, 2);
  EXPECT_EQ(release_shift(today, yesterday, true), 96);
  EXPECT_EQ(release_shift(today, yesterday, false), 96);
  EXPECT_EQ(release_shift(today, {}, true), 0);
}

}  // namespace
}  // namespace mla
