// The tables of the history file.
#pragma once

namespace mla {

inline constexpr int kHistoryVersion = 1;               // PRAGMA user_version
inline constexpr int kHistoryApplication = 0x6d6c6168;  // PRAGMA application_id: "mlah"

// Times are REAL seconds on the steady axis; `t` of a sample counts steps of its level.
inline constexpr const char* kHistoryTables = R"sql(
CREATE TABLE clock(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  t REAL NOT NULL, offset REAL NOT NULL, boot_s REAL NOT NULL, wall_s REAL NOT NULL,
  boot_id TEXT NOT NULL);
CREATE TABLE clock_offset(t REAL PRIMARY KEY, offset REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL, host TEXT NOT NULL, build TEXT NOT NULL,
  command TEXT NOT NULL, slot INTEGER NOT NULL,
  recorded INTEGER NOT NULL, pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL,
  lifetime_t REAL NOT NULL, from_start INTEGER NOT NULL,
  first_t REAL NOT NULL, last_t REAL NOT NULL, verdict TEXT NOT NULL,
  UNIQUE(service, host, build, command, slot));
CREATE TABLE sample(
  level INTEGER NOT NULL, series INTEGER NOT NULL, t INTEGER NOT NULL,
  n INTEGER NOT NULL, rss_sum INTEGER NOT NULL, rss_min INTEGER NOT NULL,
  rss_max INTEGER NOT NULL, live_n INTEGER NOT NULL, live_sum INTEGER NOT NULL,
  PRIMARY KEY(level, series, t)) WITHOUT ROWID;
CREATE TABLE mark(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, t REAL NOT NULL, series INTEGER NOT NULL,
  detail TEXT NOT NULL);
CREATE INDEX mark_by_time ON mark(t);
CREATE TABLE verdict(
  service TEXT NOT NULL, host TEXT NOT NULL, build TEXT NOT NULL,
  verdict TEXT NOT NULL, candidate TEXT NOT NULL, times INTEGER NOT NULL,
  notified TEXT NOT NULL, PRIMARY KEY(service, host, build)) WITHOUT ROWID;
CREATE TABLE change(
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, t REAL NOT NULL,
  wall_s REAL NOT NULL, service TEXT NOT NULL, host TEXT NOT NULL, build TEXT NOT NULL,
  before TEXT NOT NULL, verdict TEXT NOT NULL, evidence TEXT NOT NULL,
  notified INTEGER NOT NULL, once TEXT UNIQUE);
CREATE INDEX change_by_time ON change(t);
CREATE TABLE delivery(
  id INTEGER PRIMARY KEY AUTOINCREMENT, change INTEGER NOT NULL, target TEXT NOT NULL,
  created_t REAL NOT NULL, next_t REAL NOT NULL, attempts INTEGER NOT NULL);
)sql";

}  // namespace mla
