// The queue of notifications, and what keeps the file within its bounds.
#include "history/history_error.h"
#include "history/store.h"
#include "history/store_rows.h"

namespace mla {
namespace {

constexpr double kNearlyFull = 0.9;
constexpr double kKeepSeries = kLevels[kCoarsest].keep_s;
constexpr int64_t kMarksKept = 20'000;
constexpr int64_t kChangesKept = 10'000;
constexpr int64_t kDeliveriesKept = 1000;

std::string placeholders(size_t count) {
  std::string text = "?";
  for (size_t i = 1; i < count; ++i) text += ",?";
  return text;
}

}  // namespace

void Store::enqueue(int64_t change, const std::string& target, double t) {
  database_
      .query(
          "INSERT INTO delivery(change, target, created_t, next_t, attempts) "
          "VALUES(?, ?, ?, ?, 0)")
      .bind(change)
      .bind(target)
      .bind(t)
      .bind(t)
      .run();
}

std::optional<Delivery> Store::take_due(const std::vector<std::string>& targets, double t,
                                        double lease_t) {
  if (targets.empty()) return std::nullopt;
  Transaction transaction(database_);
  std::optional<Delivery> delivery;
  {
    Statement row = database_.query(
        std::string("SELECT delivery.id, target, attempts, created_t, ") + kChangeColumns +
        " FROM delivery JOIN change ON change.id = delivery.change WHERE next_t <= ? AND target IN "
        "(" +
        placeholders(targets.size()) + ") ORDER BY delivery.id LIMIT 1");
    row.bind(t);
    for (const std::string& target : targets) row.bind(target);
    if (row.step()) {
      delivery = Delivery{row.integer(0), row.text(1), row.integer(2) + 1, row.real(3),
                          read_change(row, 4)};
    }
  }
  if (!delivery) return std::nullopt;
  database_.query("UPDATE delivery SET next_t = ?, attempts = ? WHERE id = ?")
      .bind(lease_t)
      .bind(delivery->attempts)
      .bind(delivery->id)
      .run();
  transaction.commit();
  return delivery;
}

void Store::delivered(int64_t id) {
  database_.query("DELETE FROM delivery WHERE id = ?").bind(id).run();
}

void Store::retry(int64_t id, double next_t) {
  database_.query("UPDATE delivery SET next_t = ? WHERE id = ?").bind(next_t).bind(id).run();
}

void Store::give_up(const Delivery& delivery, double t, const std::string& why) {
  Transaction transaction(database_);
  delivered(delivery.id);
  add_mark({MarkKind::kUndelivered, t, 0, delivery.target + ": " + why});
  transaction.commit();
}

size_t Store::waiting() {
  Statement row = database_.query("SELECT count(*) FROM delivery");
  return row.step() ? static_cast<size_t>(row.integer(0)) : 0;
}

size_t Store::waiting(int64_t change) {
  Statement row = database_.query("SELECT count(*) FROM delivery WHERE change = ?");
  row.bind(change);
  return row.step() ? static_cast<size_t>(row.integer(0)) : 0;
}

std::optional<double> Store::next_due(const std::vector<std::string>& targets) {
  if (targets.empty()) return std::nullopt;
  Statement row = database_.query("SELECT min(next_t) FROM delivery WHERE target IN (" +
                                  placeholders(targets.size()) + ")");
  for (const std::string& target : targets) row.bind(target);
  if (!row.step() || row.is_null(0)) return std::nullopt;
  return row.real(0);
}

uint64_t Store::used_bytes() {
  return static_cast<uint64_t>(pragma(database_, "page_count") -
                               pragma(database_, "freelist_count")) *
         static_cast<uint64_t>(kPageBytes);
}

bool Store::nearly_full() {
  return static_cast<double>(used_bytes()) > kNearlyFull * static_cast<double>(max_bytes_);
}

void Store::drop_oldest_samples(size_t level) {
  // A tenth of the steps this level has.
  Statement row = database_.query("SELECT min(t), max(t) FROM sample WHERE level = ?");
  row.bind(static_cast<int64_t>(level));
  if (!row.step() || row.is_null(0)) return;
  const int64_t until = row.integer(0) + (row.integer(1) - row.integer(0)) / 10;
  database_
      .query(
          "DELETE FROM sample WHERE level = ?1 AND t <= ?2 AND series IN (SELECT id FROM series)")
      .bind(static_cast<int64_t>(level))
      .bind(until)
      .run();
}

void Store::prune(double t) {
  Transaction transaction(database_);
  for (size_t level = 0; level < kLevelCount; ++level) {
    database_
        .query("DELETE FROM sample WHERE level = ? AND series IN (SELECT id FROM series) AND t < ?")
        .bind(static_cast<int64_t>(level))
        .bind(step_of(t - kLevels[level].keep_s, level))
        .run();
  }
  const double oldest = t - kKeepSeries;
  database_.query("DELETE FROM series WHERE last_t < ?").bind(oldest).run();
  database_.query("DELETE FROM mark WHERE t < ?").bind(oldest).run();
  database_.query("DELETE FROM mark WHERE id <= (SELECT max(id) FROM mark) - ?")
      .bind(kMarksKept)
      .run();
  database_.query("DELETE FROM change WHERE t < ?").bind(oldest).run();
  database_.query("DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?")
      .bind(kChangesKept)
      .run();
  database_
      .query(
          "DELETE FROM verdict WHERE NOT EXISTS (SELECT 1 FROM series WHERE "
          "series.service = verdict.service AND series.host = verdict.host AND "
          "series.build = verdict.build)")
      .run();
  // What nobody takes any more: its target is no longer given, or never answers.
  database_
      .query(
          "INSERT INTO mark(kind, t, series, detail) SELECT ?, ?, 0, target || ': ' || count(*) "
          "|| ' dropped, too many wait' FROM delivery WHERE id <= (SELECT max(id) FROM delivery) "
          "- ? GROUP BY target")
      .bind(std::string(mark_name(MarkKind::kUndelivered)))
      .bind(t)
      .bind(kDeliveriesKept)
      .run();
  database_.query("DELETE FROM delivery WHERE id <= (SELECT max(id) FROM delivery) - ?")
      .bind(kDeliveriesKept)
      .run();
  // By turns, so that every level keeps most of its reach.
  for (size_t turn = 0; nearly_full() && turn < 20 * kLevelCount; ++turn) {
    drop_oldest_samples(turn % kLevelCount);
    // Of workers that came and went: a series without samples says nothing.
    database_
        .query(
            "DELETE FROM series WHERE last_t < ? AND NOT EXISTS (SELECT 1 FROM sample WHERE "
            "sample.level = ? AND sample.series = series.id)")
        .bind(t - kLevels[kCoarsest].step_s)
        .bind(static_cast<int64_t>(kCoarsest))
        .run();
  }
  transaction.commit();
}

}  // namespace mla
