// What the reader skipped or clamped, counted by kind: however broken a file is, the list is short.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mla {

class DamageLog {
 public:
  // `where` names the table, `what` says what was wrong with record `record` and what was done.
  void add(const std::string& where, const std::string& what, uint64_t record) {
    Entry& entry = entries_[{where, what}];
    if (entry.count++ == 0) entry.first = record;
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> result;
    for (const auto& [key, entry] : entries_) {
      std::string line = key.first + ": " + key.second + " (record " + std::to_string(entry.first);
      if (entry.count > 1) line += " and " + std::to_string(entry.count - 1) + " more";
      result.push_back(line + ")");
    }
    return result;
  }

 private:
  struct Entry {
    uint64_t count = 0;
    uint64_t first = 0;
  };
  std::map<std::pair<std::string, std::string>, Entry> entries_;
};

}  // namespace mla
