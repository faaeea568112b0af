// SQLite, as the history needs it: errors are thrown, statements are prepared once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace mla {

class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* statement, const std::string& file)
      : connection_(connection), statement_(statement), file_(file) {}
  ~Statement();  // ready to be used again
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters in order, from the first.
  Statement& bind(int64_t value);
  Statement& bind(double value);
  Statement& bind(const std::string& value);
  Statement& bind_null();

  bool step();  // true: there is a row
  void run();   // of a statement without rows

  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  void check(int code) const;

  sqlite3* connection_;
  sqlite3_stmt* statement_;
  const std::string& file_;
  int bound_ = 0;
};

enum class OpenAs { kWriter, kReader };

class Database {
 public:
  // kWriter creates the file, for its user only. ":memory:" has no file. Throws HistoryError.
  Database(const std::string& file, OpenAs as);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& file() const { return file_; }
  // Valid until the next call with the same text. `sql` is one statement.
  Statement query(const std::string& sql);
  void run(const std::string& script);  // without rows
  int64_t last_row() const;
  int64_t changes() const;
  // The file was removed, or has another name now: what is written goes where nobody looks.
  bool has_moved() const;
  // Then, before it is closed: what is in its -wal file is put into it, wherever it is now, and
  // that is removed from its old place, where another history would take it for its own.
  void leave_place();
  // Copies all of `from`, with SQLite's own backup.
  void copy_from(Database& from);

 private:
  std::string file_;
  sqlite3* connection_ = nullptr;
  std::map<std::string, sqlite3_stmt*> prepared_;
};

// Rolled back unless committed. BEGIN IMMEDIATE: nobody else writes meanwhile.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace mla
