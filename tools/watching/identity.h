// What service a process belongs to, and in which build.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace mla {

// The arguments of /proc/PID/cmdline; empty: no such process, or a thread of the kernel.
std::vector<std::string> command_line_of(pid_t pid);

// The base name of the script an interpreter runs (of `python3 -m NAME`: NAME), else of the
// program.
std::string service_of(const std::vector<std::string>& arguments, const std::string& program);

// The command line in one line. A process that writes its own title (postgres, nginx) changes it
// all the time: then what stands before the colon.
std::string command_of(const std::vector<std::string>& arguments);

// Of a program the first 12 digits of its build-id; of a script its name and a hash of its
// contents, and the interpreter's build-id behind a plus sign. Without a build-id a hash of the
// file's size and time.
std::string build_of(pid_t pid, const std::vector<std::string>& arguments);

}  // namespace mla
