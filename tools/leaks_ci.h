// mla leaks for continuous integration: JUnit XML, and annotations of GitHub's workflow commands.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace mla {

struct LeakingSite {
  std::string name;   // its frame that says most, with the line
  std::string stack;  // in one line
  std::string rate;   // "1.2 MiB/h"
  std::string file;   // relative to the working directory when below it; empty: not known
  uint32_t line = 0;
};

struct CiResult {
  enum class Outcome { kPassed, kLeak, kNotEnough };
  Outcome outcome = Outcome::kPassed;
  std::string program;             // its base name
  std::string command;             // with the pid
  std::string verdict;             // in one line
  std::string evidence;            // in several
  double seconds = 0;              // of the recording
  std::vector<LeakingSite> sites;  // of a leak
};

// The path of a source file seen from a directory, both absolute, when it is below it; else as it
// is. `file` may be relative to `program_directory`.
std::string path_for_ci(const std::string& file, const std::string& program_directory,
                        const std::string& directory);

// One <testsuite> with a test case for the process and one for every leaking call site. What cannot
// be judged is skipped. Valid UTF-8 and XML 1.0 whatever the strings hold.
void write_junit(std::ostream& out, const CiResult& result);

// ::error lines of a leak, one for each site, or one for the process when none is known; a
// ::warning when there is not enough data; else nothing.
void write_annotations(std::ostream& out, const CiResult& result);

}  // namespace mla
