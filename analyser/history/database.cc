#include "history/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "history/history_error.h"

namespace mla {
namespace {

// Sampling waits for no more than this.
constexpr int kBusyMs = 1000;
constexpr int kMostLinks = 40;  // as path_resolution(7)

[[noreturn]] void fail(sqlite3* connection, int code, const std::string& file) {
  const std::string detail = connection != nullptr ? sqlite3_errmsg(connection) : "out of memory";
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw HistoryError(file, "is locked by another process", "wait for it, or end it", true);
    case SQLITE_FULL:
      throw HistoryError(file, "is full (" + detail + ")",
                         "free disk space, or allow more with --db-size", true);
    case SQLITE_NOTADB:
      throw HistoryError(file, "is no history of mla", "name another file with --db", false);
    case SQLITE_CORRUPT:
      throw HistoryError(file, "is damaged (" + detail + ")",
                         "move it away, mla begins a new one; `sqlite3 FILE .recover` may save it",
                         false);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw HistoryError(file, "cannot be written (" + detail + ")",
                         "name a file you may write with --db", false);
    case SQLITE_CANTOPEN: {
      const int error = connection != nullptr ? sqlite3_system_errno(connection) : 0;
      const bool passing = error == ENOSPC || error == EMFILE || error == ENFILE;
      throw HistoryError(file,
                         std::string("cannot be opened") +
                             (error != 0 ? std::string(" (") + std::strerror(error) + ")" : ""),
                         "name a file in a directory you may write with --db", passing);
    }
    default:
      throw HistoryError(file, "cannot be used (" + detail + ")", "see that its file system works",
                         true);
  }
}

// What SQLite creates would be readable by everybody: command lines are in it.
// Only a file that was not there is opened: closing one drops the POSIX locks that other
// connections of this process hold on it. A reader that comes and goes would then think itself the
// last, and remove the -wal file that the watcher goes on writing.
void create_for_user_only(std::filesystem::path file) {
  for (int links = 0; links < kMostLinks; ++links) {
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd >= 0) close(fd);
    std::error_code no_link;  // to a file that is not there yet
    const std::filesystem::path target = std::filesystem::read_symlink(file, no_link);
    if (no_link) return;  // SQLite says what is wrong, if anything is
    file = file.parent_path() / target;
  }
}

}  // namespace

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) fail(connection_, code, file_);
}

Statement& Statement::bind(int64_t value) {
  check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::bind(double value) {
  check(sqlite3_bind_double(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::bind(const std::string& value) {
  check(sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail(connection_, code, file_);
  return false;
}

void Statement::run() { step(); }

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return "";
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::string& file, OpenAs as) : file_(file) {
  if (as == OpenAs::kWriter && file != ":memory:") create_for_user_only(file);
  const int flags =
      as == OpenAs::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  int code = sqlite3_open_v2(file.c_str(), &connection_, flags, nullptr);
  // A reader needs the -wal and -shm files; where it may not write, what is in the file has to do.
  if (code != SQLITE_OK && as == OpenAs::kReader) {
    sqlite3_close(connection_);
    code = sqlite3_open_v2(file.c_str(), &connection_, SQLITE_OPEN_READONLY, nullptr);
  }
  if (code != SQLITE_OK) {
    sqlite3* failed = connection_;
    try {
      fail(failed, code, file_);
    } catch (...) {
      sqlite3_close(failed);
      throw;
    }
  }
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, kBusyMs);
}

Database::~Database() {
  for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Statement Database::query(const std::string& sql) {
  sqlite3_stmt*& statement = prepared_[sql];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail(connection_, code, file_);
  }
  return {connection_, statement, file_};
}

void Database::run(const std::string& script) {
  const int code = sqlite3_exec(connection_, script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(connection_, code, file_);
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(connection_); }
int64_t Database::changes() const { return sqlite3_changes64(connection_); }

bool Database::has_moved() const {
  int moved = 0;  // stays so where there is no file
  sqlite3_file_control(connection_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

void Database::leave_place() {
  const std::string place = sqlite3_db_filename(connection_, "main");  // links are resolved
  sqlite3_wal_checkpoint_v2(connection_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  struct stat log {};
  // One that is not empty could not be put away, or is that of the history at this place now.
  if (stat((place + "-wal").c_str(), &log) != 0 || log.st_size != 0) return;
  for (const char* suffix : {"-wal", "-shm"}) unlink((place + suffix).c_str());
}

void Database::copy_from(Database& from) {
  sqlite3_backup* backup = sqlite3_backup_init(connection_, "main", from.connection_, "main");
  if (backup == nullptr) fail(connection_, sqlite3_errcode(connection_), file_);
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) fail(from.connection_, code, from.file_);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const HistoryError&) {  // NOLINT(bugprone-empty-catch)
    // SQLite has rolled back by itself, as it does on a full disk.
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace mla
