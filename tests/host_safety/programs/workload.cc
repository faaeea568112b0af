// A program that allocates, and between two stretches of that does what has broken preloaded
// libraries: it prints what it computed, so that a run with libmla.so can be compared with one
// without.
//
// Usage: workload ACTION...     with the actions, in order:
//   work            allocates from 2 threads at many call sites, needing ever more room in tables
//   close           closes every descriptor above 2; close-all: also 0, 1 and 2
//   as=MIB          lowers RLIMIT_AS to what is mapped now and so much more
//   data=MIB        lowers RLIMIT_DATA to so much
//   nofile=N fsize=BYTES        lowers these limits
//   use-up          allocates until there is no more, and prints how many MiB that were; only for
//                   small limits
//   chroot=DIR      changes the root; setuid=UID changes the user
//   unshare         leaves the name spaces it was started in; lock-memory: locks all of its memory
//   fill=FILE       writes to FILE until its file system is full, and keeps it so
//   remove=FILE     removes a file
//   status          prints the thread and descriptor counts and whether SIGXFSZ has a handler
//   kill=SIGNAL abort exit=CODE quick-exit=CODE _exit=CODE      ends at once
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

uint64_t checksum;
std::vector<std::string*> kept;

// Each value of `path` is a call stack of its own: 2^depth call sites in two functions.
[[gnu::noinline]] std::string* right(unsigned path, int depth);
[[gnu::noinline]] std::string* left(unsigned path, int depth) {
  std::string* s = depth == 0                 ? new std::string(path % 500, 'l')
                   : (path >> depth & 1) != 0 ? right(path, depth - 1)
                                              : left(path, depth - 1);
  checksum = checksum * 31 + s->size();
  return s;
}
std::string* right(unsigned path, int depth) {
  std::string* s = depth == 0                 ? new std::string(path % 700, 'r')
                   : (path >> depth & 1) != 0 ? right(path, depth - 1)
                                              : left(path, depth - 1);
  checksum = checksum * 37 + s->size();
  return s;
}

void work_at(unsigned first, unsigned count) {
  constexpr int kDepth = 12;
  for (unsigned i = first; i < first + count; ++i) {
    std::string* s = left(i, kDepth);
    if (i % 3 == 0) {
      kept.push_back(s);
    } else {
      delete s;
    }
  }
}

// One thread after the other, so that the result is the same each time.
void work() {
  static unsigned next;
  constexpr unsigned kCount = 1500;
  work_at(next, kCount);
  try {
    std::thread(work_at, next + kCount, kCount).join();
  } catch (const std::exception& e) {
    std::printf("no thread: %s\n", e.what());
  }
  next += 2 * kCount;
}

void lower(int what, rlim_t value) {
  rlimit limit{value, value};
  if (setrlimit(static_cast<__rlimit_resource>(what), &limit) != 0) std::perror("setrlimit");
}

rlim_t mapped_bytes() {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

void use_up() {
  constexpr size_t kBytes = 100'000;
  constexpr unsigned kMost = 20'000;
  unsigned blocks = 0;
  for (void* p = std::malloc(kBytes); p != nullptr && blocks < kMost; p = std::malloc(kBytes)) {
    ++blocks;
  }
  std::fprintf(stderr, "used up %lu MiB\n", blocks * kBytes >> 20);
}

void fill(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  static const char kBytes[4096] = {1};
  for (size_t bytes = sizeof kBytes; bytes > 0;) {
    if (write(fd, kBytes, bytes) <= 0) bytes /= 2;
  }
  std::printf("filled: %s\n", std::strerror(errno));
  close(fd);
}

int entries(const char* directory) {
  int n = 0;
  DIR* d = opendir(directory);
  while (d != nullptr && readdir(d) != nullptr) ++n;
  if (d != nullptr) closedir(d);
  return n;
}

void print_status() {
  struct sigaction action {};
  sigaction(SIGXFSZ, nullptr, &action);
  std::printf("threads %d, descriptors %d, SIGXFSZ %s\n", entries("/proc/self/task") - 2,
              entries("/proc/self/fd") - 3, action.sa_handler == SIG_DFL ? "default" : "handled");
}

void act(const std::string& action) {
  const size_t equals = action.find('=');
  const std::string name = action.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : action.substr(equals + 1);
  const auto number = [&] { return std::strtoul(value.c_str(), nullptr, 10); };
  if (name == "work") return work();
  if (name == "close" || name == "close-all") {
    for (int fd = name == "close" ? 3 : 0; fd < 1024; ++fd) close(fd);
    return;
  }
  if (name == "as") return lower(RLIMIT_AS, mapped_bytes() + (number() << 20));
  if (name == "data") return lower(RLIMIT_DATA, number() << 20);
  if (name == "use-up") return use_up();
  if (name == "nofile") return lower(RLIMIT_NOFILE, number());
  if (name == "fsize") return lower(RLIMIT_FSIZE, number());
  if (name == "status") return print_status();
  if (name == "fill") return fill(value);
  bool failed = false;
  if (name == "chroot") {
    failed = chroot(value.c_str()) != 0 || chdir("/") != 0;
  } else if (name == "setuid") {
    failed = setgid(static_cast<gid_t>(number())) != 0 || setuid(static_cast<uid_t>(number())) != 0;
  } else if (name == "unshare") {
    failed = unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_FILES) != 0;
  } else if (name == "lock-memory") {
    failed = mlockall(MCL_CURRENT | MCL_FUTURE) != 0;
  } else if (name == "remove") {
    failed = unlink(value.c_str()) != 0;
  } else if (name == "kill") {
    raise(static_cast<int>(number()));
  } else if (name == "abort") {
    std::abort();
  } else if (name == "exit") {
    std::exit(static_cast<int>(number()));
  } else if (name == "quick-exit") {
    std::quick_exit(static_cast<int>(number()));
  } else if (name == "_exit") {
    _exit(static_cast<int>(number()));
  } else {
    std::fprintf(stderr, "unknown action: %s\n", action.c_str());
    std::exit(2);
  }
  if (failed) std::printf("%s: %s\n", action.c_str(), std::strerror(errno));
}

}  // namespace

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  for (int i = 1; i < count; ++i) {
    act(arguments[i]);
    std::printf("%s: %016lx\n", arguments[i], static_cast<unsigned long>(checksum));
  }
  return static_cast<int>(checksum % 64);
}
