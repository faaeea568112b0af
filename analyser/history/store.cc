#include "history/store.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "history/history_error.h"
#include "history/schema.h"
#include "history/store_rows.h"

namespace mla {
namespace {

constexpr int64_t kWalPages = 1000;  // checkpointed from there on: 4 MiB

}  // namespace

Store::Store(const std::string& file, uint64_t max_bytes)
    : database_(file, OpenAs::kWriter), max_bytes_(max_bytes) {
  // Before anything is written: a database of something else is left as it is.
  const bool empty = pragma(database_, "schema_version") == 0;
  if (!empty) check_file();
  database_.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  database_.run("PRAGMA wal_autocheckpoint = " + std::to_string(kWalPages));
  database_.run("PRAGMA journal_size_limit = " + std::to_string(kWalPages * kPageBytes));
  database_.run("PRAGMA max_page_count = " +
                std::to_string(max_bytes / static_cast<uint64_t>(kPageBytes)));
  if (empty) create();
}

Store::Store(const std::string& file) : database_(file, OpenAs::kReader) {
  if (pragma(database_, "schema_version") == 0) {
    throw HistoryError(file, "is an empty file", "let `mla watch --db FILE` write it", false);
  }
  check_file();
}

Store::Store(InMemory)
    : database_(":memory:", OpenAs::kWriter), max_bytes_(kDefaultDatabaseBytes) {}

std::unique_ptr<Store> Store::scratch(const std::string& file) {
  std::unique_ptr<Store> copy(new Store(InMemory{}));
  if (access(file.c_str(), F_OK) == 0) {
    Store original(file);
    copy->database_.copy_from(original.database_);
  } else {
    copy->create();
  }
  return copy;
}

void Store::check_file() {
  const std::string& file = database_.file();
  if (pragma(database_, "application_id") != kHistoryApplication) {
    throw HistoryError(file, "is a database, but no history of mla", "name another file with --db",
                       false);
  }
  const int64_t version = pragma(database_, "user_version");
  if (version != kHistoryVersion) {
    throw HistoryError(file,
                       "is a history of version " + std::to_string(version) + ", this mla knows " +
                           std::to_string(kHistoryVersion),
                       "use the mla that wrote it, or name another file with --db", false);
  }
}

void Store::create() {
  Transaction transaction(database_);
  // Another process may have been first.
  if (pragma(database_, "user_version") == 0) {
    database_.run(kHistoryTables);
    database_.run("PRAGMA application_id = " + std::to_string(kHistoryApplication));
    database_.run("PRAGMA user_version = " + std::to_string(kHistoryVersion));
  }
  transaction.commit();
}

std::optional<SteadyMark> Store::last_mark() {
  Statement row = database_.query("SELECT t, offset, boot_s, wall_s, boot_id FROM clock");
  if (!row.step()) return std::nullopt;
  return SteadyMark{row.real(0), row.real(1), {row.real(2), row.real(3), row.text(4)}};
}

void Store::save_mark(const SteadyMark& mark) {
  database_.query("INSERT OR REPLACE INTO clock VALUES(1, ?, ?, ?, ?, ?)")
      .bind(mark.t)
      .bind(mark.offset)
      .bind(mark.at.boot_s)
      .bind(mark.at.wall_s)
      .bind(mark.at.boot_id)
      .run();
}

double Store::offset_at(double t) {
  Statement row =
      database_.query("SELECT offset FROM clock_offset WHERE t <= ? ORDER BY t DESC LIMIT 1");
  row.bind(t);
  return row.step() ? row.real(0) : 0;
}

void Store::add_clock_jump(double t, double offset, double by_s) {
  // Each process that watches sees the jump; the first one says so.
  if (std::abs(offset_at(t) - offset) < 1) return;
  database_.query("INSERT OR REPLACE INTO clock_offset VALUES(?, ?)").bind(t).bind(offset).run();
  add_mark({MarkKind::kClock, t, 0, std::to_string(std::llround(by_s)) + " s"});
}

std::vector<SeriesRecord> Store::series() {
  std::vector<SeriesRecord> all;
  Statement row = database_.query(
      "SELECT id, service, host, build, command, slot, recorded, pid, start_ticks, lifetime_t, "
      "from_start, first_t, last_t, verdict FROM series ORDER BY service, host, first_t, id");
  while (row.step()) {
    SeriesRecord& one = all.emplace_back();
    one.id = row.integer(0);
    one.key = {{row.text(1), row.text(2), row.text(3)}, row.text(4), row.integer(5)};
    one.recorded = row.integer(6) != 0;
    one.process = {static_cast<uint32_t>(row.integer(7)), static_cast<uint64_t>(row.integer(8))};
    one.lifetime_t = row.real(9);
    one.from_start = row.integer(10) != 0;
    one.first_t = row.real(11);
    one.last_t = row.real(12);
    one.verdict = row.text(13);
  }
  return all;
}

void Store::save_series(SeriesRecord& record) {
  const ServiceKey& of = record.key.of;
  if (record.id == 0) {
    database_
        .query(
            "INSERT INTO series(service, host, build, command, slot, recorded, pid, start_ticks, "
            "lifetime_t, from_start, first_t, last_t, verdict) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT(service, host, build, command, slot) DO NOTHING")
        .bind(of.service)
        .bind(of.host)
        .bind(of.build)
        .bind(record.key.command)
        .bind(record.key.slot)
        .bind(int64_t{record.recorded})
        .bind(int64_t{record.process.pid})
        .bind(static_cast<int64_t>(record.process.start_ticks))
        .bind(record.lifetime_t)
        .bind(int64_t{record.from_start})
        .bind(record.first_t)
        .bind(record.last_t)
        .bind(record.verdict)
        .run();
    Statement row = database_.query(
        "SELECT id FROM series WHERE service = ? AND host = ? AND build = ? AND command = ? AND "
        "slot = ?");
    row.bind(of.service).bind(of.host).bind(of.build).bind(record.key.command);
    row.bind(record.key.slot);
    if (row.step()) record.id = row.integer(0);
  }
  database_
      .query(
          "UPDATE series SET recorded = ?, pid = ?, start_ticks = ?, lifetime_t = ?, "
          "last_t = ?, verdict = ? WHERE id = ?")
      .bind(int64_t{record.recorded})
      .bind(int64_t{record.process.pid})
      .bind(static_cast<int64_t>(record.process.start_ticks))
      .bind(record.lifetime_t)
      .bind(record.last_t)
      .bind(record.verdict)
      .bind(record.id)
      .run();
}

void Store::add_sample(int64_t series, const Sample& sample) {
  const auto rss = static_cast<int64_t>(sample.rss_bytes);
  for (size_t level = 0; level < kLevelCount; ++level) {
    database_
        .query(
            "INSERT INTO sample VALUES(?1, ?2, ?3, 1, ?4, ?4, ?4, ?5, ?6) "
            "ON CONFLICT DO UPDATE SET n = n + 1, rss_sum = rss_sum + ?4, "
            "rss_min = min(rss_min, ?4), rss_max = max(rss_max, ?4), "
            "live_n = live_n + ?5, live_sum = live_sum + ?6")
        .bind(static_cast<int64_t>(level))
        .bind(series)
        .bind(step_of(sample.t, level))
        .bind(rss)
        .bind(int64_t{sample.live_bytes.has_value()})
        .bind(static_cast<int64_t>(sample.live_bytes.value_or(0)))
        .run();
  }
}

void Store::add_mark(const Mark& mark) {
  database_.query("INSERT INTO mark(kind, t, series, detail) VALUES(?, ?, ?, ?)")
      .bind(std::string(mark_name(mark.kind)))
      .bind(mark.t)
      .bind(mark.series)
      .bind(mark.detail)
      .run();
}

std::vector<Mark> Store::marks(double from_t, double to_t) {
  std::vector<Mark> all;
  Statement row = database_.query(
      "SELECT kind, t, series, detail FROM mark WHERE t >= ? AND t <= ? ORDER BY t, id");
  row.bind(from_t).bind(to_t);
  while (row.step()) {
    all.push_back({mark_kind(row.text(0)), row.real(1), row.integer(2), row.text(3)});
  }
  return all;
}

std::vector<Point> Store::points(int64_t series, size_t level, double from_t, double to_t) {
  std::vector<Point> all;
  Statement row = database_.query(
      "SELECT t, n, rss_sum, rss_min, rss_max, live_n, live_sum FROM sample "
      "WHERE level = ? AND series = ? AND t >= ? AND t <= ? ORDER BY t");
  const auto step = static_cast<double>(kLevels[level].step_s);
  row.bind(static_cast<int64_t>(level)).bind(series);
  row.bind(static_cast<int64_t>(std::ceil(from_t / step))).bind(step_of(to_t, level));
  while (row.step()) {
    Point& point = all.emplace_back();
    point.t = static_cast<double>(row.integer(0)) * step;
    point.samples = row.integer(1);
    point.rss_bytes = static_cast<double>(row.integer(2)) /
                      static_cast<double>(std::max<int64_t>(1, point.samples));
    point.rss_min = static_cast<double>(row.integer(3));
    point.rss_max = static_cast<double>(row.integer(4));
    if (row.integer(5) > 0) {
      point.live_bytes = static_cast<double>(row.integer(6)) / static_cast<double>(row.integer(5));
    }
  }
  return all;
}

std::vector<Point> Store::finest(int64_t series, double from_t, double to_t) {
  std::vector<Point> all;
  double end = to_t;
  for (size_t level = 0; level < kLevelCount; ++level) {
    std::vector<Point> part = points(series, level, from_t, end);
    // A coarse step that ends within the finer ones would say the same twice.
    const auto step = static_cast<double>(kLevels[level].step_s);
    while (!all.empty() && !part.empty() && part.back().t + step > all.front().t) part.pop_back();
    all.insert(all.begin(), part.begin(), part.end());
    if (!all.empty()) end = all.front().t;
  }
  return all;
}

std::map<int64_t, double> Store::service_level(const ServiceKey& of, double from_t, double to_t) {
  std::map<int64_t, double> level;
  Statement row = database_.query(
      "SELECT sample.t, sum(rss_sum), sum(n) FROM sample JOIN series ON series.id = sample.series "
      "WHERE level = ?1 AND service = ?2 AND host = ?3 AND (?4 = '' OR build = ?4) "
      "AND sample.t >= ?5 AND sample.t < ?6 GROUP BY sample.t");
  const auto step = static_cast<double>(kLevels[kCoarsest].step_s);
  row.bind(static_cast<int64_t>(kCoarsest)).bind(of.service).bind(of.host).bind(of.build);
  row.bind(static_cast<int64_t>(std::ceil(from_t / step))).bind(step_of(to_t, kCoarsest));
  while (row.step()) {
    level[row.integer(0)] =
        static_cast<double>(row.integer(1)) / static_cast<double>(row.integer(2));
  }
  return level;
}

Store::VerdictState Store::verdict_state(const ServiceKey& of) {
  Statement row = database_.query(
      "SELECT verdict, candidate, times, notified FROM verdict "
      "WHERE service = ? AND host = ? AND build = ?");
  row.bind(of.service).bind(of.host).bind(of.build);
  if (!row.step()) return {};
  return {row.text(0), row.text(1), row.integer(2), row.text(3)};
}

void Store::save_verdict_state(const ServiceKey& of, const VerdictState& state) {
  database_.query("INSERT OR REPLACE INTO verdict VALUES(?, ?, ?, ?, ?, ?, ?)")
      .bind(of.service)
      .bind(of.host)
      .bind(of.build)
      .bind(state.verdict)
      .bind(state.candidate)
      .bind(state.times)
      .bind(state.notified)
      .run();
}

std::optional<int64_t> Store::add_change(const Change& change, const std::string& once) {
  Statement insert = database_.query(
      "INSERT INTO change(kind, t, wall_s, service, host, build, before, verdict, evidence, "
      "notified, once) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(once) DO NOTHING");
  insert.bind(std::string(change_name(change.kind)))
      .bind(change.t)
      .bind(change.wall_s)
      .bind(change.of.service)
      .bind(change.of.host)
      .bind(change.of.build)
      .bind(change.before)
      .bind(change.verdict)
      .bind(change.evidence)
      .bind(int64_t{change.notified});
  if (once.empty()) {
    insert.bind_null();
  } else {
    insert.bind(once);
  }
  insert.run();
  if (database_.changes() == 0) return std::nullopt;
  return database_.last_row();
}

std::vector<Change> Store::changes(double from_t, double to_t) {
  std::vector<Change> all;
  Statement row =
      database_.query(std::string("SELECT ") + kChangeColumns +
                      " FROM change WHERE t >= ? AND t <= ? ORDER BY change.t, change.id");
  row.bind(from_t).bind(to_t);
  while (row.step()) all.push_back(read_change(row, 0));
  return all;
}

}  // namespace mla
