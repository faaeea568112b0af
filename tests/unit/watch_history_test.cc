#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "history/history_error.h"
#include "history/store.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

constexpr uint64_t kBytes = 64ULL << 20;
constexpr double kT = 1'000'000'800;  // a whole step of each level

SeriesRecord worker(int64_t slot = 0) {
  SeriesRecord record;
  record.key = {{"server", "host", "build"}, "server --port 1", slot};
  record.process = {7, 700};
  record.first_t = record.last_t = record.lifetime_t = kT;
  return record;
}

std::string why(const std::string& file) {
  try {
    const Store store(file, kBytes);
  } catch (const HistoryError& error) {
    return error.why() + (error.passing() ? " (passing)" : "");
  }
  return "";
}

uint64_t size_of(const std::string& file) {
  struct stat status {};
  return stat(file.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

// Whether another process may lock the whole file for itself.
bool may_lock(const std::string& file) {
  const pid_t pid = fork();
  if (pid == 0) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
    _exit(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 ? 1 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status) == 1;
}

TEST(Store, KeepsWhatItWasGiven) {
  const test::TemporaryDirectory directory;
  {
    Store store(directory / "h.db", kBytes);
    SeriesRecord record = worker();
    store.save_series(record);
    ASSERT_NE(record.id, 0);
    for (int i = 0; i < 12; ++i) {
      store.add_sample(record.id, {kT + 5 * i, 1000 + 10 * static_cast<uint64_t>(i), 500});
    }
    record.verdict = "leak";
    record.last_t = kT + 55;
    store.save_series(record);
  }
  Store store(directory / "h.db");
  const std::vector<SeriesRecord> all = store.series();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].key, worker().key);
  EXPECT_EQ(all[0].verdict, "leak");
  const std::vector<Point> raw = store.points(all[0].id, 0, kT, kT + 60);
  ASSERT_EQ(raw.size(), 6U);  // of 10 seconds, two samples each
  EXPECT_DOUBLE_EQ(raw[0].rss_bytes, 1005);
  EXPECT_DOUBLE_EQ(raw[0].rss_max, 1010);
  EXPECT_DOUBLE_EQ(raw[5].t, kT + 50);
  EXPECT_DOUBLE_EQ(raw[5].live_bytes.value(), 500);
  const std::vector<Point> minutes = store.points(all[0].id, 1, kT, kT + 60);
  ASSERT_EQ(minutes.size(), 1U);
  EXPECT_DOUBLE_EQ(minutes[0].rss_bytes, 1055);
  EXPECT_EQ(minutes[0].samples, 12);
}

TEST(Store, IsForItsUserOnly) {
  const test::TemporaryDirectory directory;
  const Store store(directory / "h.db", kBytes);
  struct stat status {};
  ASSERT_EQ(stat((directory / "h.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Store, IsForItsUserOnlyThroughLinksToAFileThatIsNotThereYet) {
  const test::TemporaryDirectory directory;
  const std::string link = directory / "link.db";
  std::filesystem::create_symlink("second.db", link);
  std::filesystem::create_symlink(directory / "there.db", directory / "second.db");
  const Store store(link, kBytes);
  struct stat status {};
  ASSERT_EQ(stat((directory / "there.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Store, KeepsTheLocksOfThisProcess) {
  // A sender opens the file that the watcher has open: a reader of another process must go on
  // seeing the watcher's locks, else it removes the -wal file when it closes.
  const test::TemporaryDirectory directory;
  Store watcher(directory / "h.db", kBytes);
  SeriesRecord record = worker();
  watcher.save_series(record);
  {
    const Store sender(directory / "h.db", kBytes);
    EXPECT_FALSE(may_lock(directory / "h.db"));
  }
  EXPECT_FALSE(may_lock(directory / "h.db"));
}

TEST(Store, LevelsEndAtTheirAge) {
  const test::TemporaryDirectory directory;
  Store store(directory / "h.db", kBytes);
  SeriesRecord record = worker();
  store.save_series(record);
  constexpr double kDays = 70;
  {
    Transaction transaction(store.database());
    for (double t = 0; t < kDays * 86400; t += 450) store.add_sample(record.id, {kT + t, 5, {}});
    record.last_t = kT + kDays * 86400;
    store.save_series(record);
    transaction.commit();
  }
  const double end = kT + kDays * 86400;
  store.prune(end);
  for (size_t level = 0; level < kLevelCount; ++level) {
    const std::vector<Point> points = store.points(record.id, level, 0, end);
    ASSERT_FALSE(points.empty());
    EXPECT_NEAR(end - points.front().t, kLevels[level].keep_s, 1000) << level;
  }
  // Coarse, then finer: no time twice, none missing.
  const std::vector<Point> all = store.finest(record.id, 0, end);
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_GT(all[i].t, all[i - 1].t);
    EXPECT_LE(all[i].t - all[i - 1].t, 1800);
  }
  store.prune(end + 61 * 86400.0);
  EXPECT_TRUE(store.series().empty());
}

// 1,500 workers that come and go, 25 at a time, take more than twice the size that is allowed.
TEST(Store, StaysWithinItsSize) {
  const test::TemporaryDirectory directory;
  constexpr uint64_t kSmall = kLeastDatabaseBytes;
  Store store(directory / "h.db", kSmall);
  uint64_t largest = 0;
  SeriesRecord last;
  for (int64_t slot = 0; slot < 1500; ++slot) {
    Transaction transaction(store.database());
    SeriesRecord record = worker(slot);
    double t = kT + 20 * static_cast<double>(slot);
    record.first_t = t;
    store.save_series(record);
    for (int i = 0; i < 50; ++i, t += 10) store.add_sample(record.id, {t, 5, {}});
    record.last_t = t;
    store.save_series(record);
    transaction.commit();
    if (slot % 10 == 0) store.prune(t);
    largest = std::max(largest, size_of(directory / "h.db") + size_of(directory / "h.db-wal"));
    last = record;
  }
  store.prune(last.last_t);
  EXPECT_LE(size_of(directory / "h.db"), kSmall);
  EXPECT_LE(largest, kSmall + (5ULL << 20));
  // What is new is still there, and the room is used.
  EXPECT_EQ(store.points(last.id, 0, 0, last.last_t).size(), 50U);
  EXPECT_GT(store.used_bytes(), kSmall * 7 / 10);
}

TEST(Store, RefusesWhatIsNoHistory) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "text") << std::string(5000, 'x');
  EXPECT_EQ(why(directory / "text"), "is no history of mla");
  {
    Database other(directory / "other.db", OpenAs::kWriter);
    other.run("CREATE TABLE t(x)");
  }
  EXPECT_EQ(why(directory / "other.db"), "is a database, but no history of mla");
  { Store(directory / "later.db", kBytes).database().run("PRAGMA user_version = 99"); }
  EXPECT_EQ(why(directory / "later.db"), "is a history of version 99, this mla knows 1");
  EXPECT_EQ(why(directory / "none/h.db").substr(0, 16), "cannot be opened");
  EXPECT_EQ(why(directory.path()).substr(0, 16), "cannot be opened");
  // Left as they were.
  EXPECT_EQ(size_of(directory / "text"), 5000U);
}

TEST(Store, SaysThatAFileIsDamaged) {
  const test::TemporaryDirectory directory;
  {
    Store store(directory / "h.db", kBytes);
    store.database().run("PRAGMA journal_mode = DELETE");
  }
  {
    std::fstream file(directory / "h.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << std::string(6000, '\xff');
  }
  EXPECT_EQ(why(directory / "h.db").substr(0, 10), "is damaged");
}

TEST(Store, SaysThatAFileIsLocked) {
  const test::TemporaryDirectory directory;
  Store store(directory / "h.db", kBytes);
  const Transaction other(store.database());
  Store second(directory / "h.db", kBytes);  // readers are not kept out
  try {
    const Transaction transaction(second.database());
    FAIL();
  } catch (const HistoryError& error) {
    EXPECT_EQ(error.why(), "is locked by another process");
    EXPECT_TRUE(error.passing());
  }
}

TEST(Store, SaysOnceWhatHasAKey) {
  const test::TemporaryDirectory directory;
  Store store(directory / "h.db", kBytes);
  Change change;
  change.t = kT;
  change.evidence = "{}";
  EXPECT_TRUE(store.add_change(change, "day x"));
  EXPECT_FALSE(store.add_change(change, "day x"));
  EXPECT_TRUE(store.add_change(change, ""));
  EXPECT_TRUE(store.add_change(change, ""));
  EXPECT_EQ(store.changes(0, kT).size(), 3U);
}

TEST(Store, GivesANotificationToOneOnly) {
  const test::TemporaryDirectory directory;
  Store first(directory / "h.db", kBytes);
  Store second(directory / "h.db", kBytes);
  Change change;
  change.evidence = "{}";
  const int64_t id = first.add_change(change, "").value();
  first.enqueue(id, "slack:x", 10);
  EXPECT_FALSE(first.take_due({"wecom:x"}, 10, 30));
  EXPECT_FALSE(first.take_due({"slack:x"}, 9, 30));
  const auto taken = first.take_due({"slack:x", "wecom:x"}, 10, 30);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->change.id, id);
  EXPECT_FALSE(second.take_due({"slack:x"}, 29, 50));
  // The one that took it was killed.
  EXPECT_EQ(second.take_due({"slack:x"}, 30, 50).value().attempts, 2);
  second.give_up(*taken, 31, "refused");
  EXPECT_EQ(first.waiting(), 0U);
  EXPECT_EQ(first.marks(31, 31).at(0).detail, "slack:x: refused");
}

TEST(Store, AScratchCopyChangesNothing) {
  const test::TemporaryDirectory directory;
  EXPECT_TRUE(Store::scratch(directory / "none.db")->series().empty());
  EXPECT_EQ(size_of(directory / "none.db"), 0U);
  Store store(directory / "h.db", kBytes);
  SeriesRecord record = worker();
  store.save_series(record);
  const std::unique_ptr<Store> copy = Store::scratch(directory / "h.db");
  SeriesRecord other = worker(1);
  copy->save_series(other);
  EXPECT_EQ(copy->series().size(), 2U);
  EXPECT_EQ(store.series().size(), 1U);
}

TEST(SteadyTime, DoesNotFollowTheClock) {
  SteadyTime time(std::nullopt, {100, 5000, "boot"});
  EXPECT_DOUBLE_EQ(time.at(110), 5010);
  EXPECT_FALSE(time.take_jump({110, 5011, "boot"}));  // a correction
  EXPECT_DOUBLE_EQ(time.take_jump({120, 5020 + 86400, "boot"}).value(), 86400);
  EXPECT_DOUBLE_EQ(time.at(120), 5020);
  EXPECT_DOUBLE_EQ(time.offset(), 86400);
  EXPECT_FALSE(time.take_jump({130, 5030 + 86400, "boot"}));
  EXPECT_DOUBLE_EQ(time.take_jump({140, 5040, "boot"}).value(), -86400);
}

TEST(SteadyTime, GoesOnAfterARestart) {
  const SteadyMark last{5020, 86400, {120, 91420, "boot"}};
  EXPECT_DOUBLE_EQ(SteadyTime(last, {180, 0, "boot"}).at(180), 5080);  // same boot: counted
  EXPECT_DOUBLE_EQ(SteadyTime(last, {10, 91520, "later boot"}).at(10), 5120);
  EXPECT_DOUBLE_EQ(SteadyTime(last, {10, 0, "later boot"}).at(10), 5020);  // never back
}

}  // namespace
}  // namespace mla
