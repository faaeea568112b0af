// Threads that stand in known functions. Prints "ready", ends with exit code 7 after a byte on
// standard input.
//
// Argument "churn": makes threads that end at once, all the time, instead. "headless": the first
// thread ends.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>

namespace {

std::mutex held;
std::atomic<uint64_t> turns;

}  // namespace

extern "C" {

__attribute__((noinline)) void wait_for_mutex() {
  held.lock();
  held.unlock();
}

__attribute__((noinline)) void sleep_long() {
  timespec time{1000, 0};
  nanosleep(&time, nullptr);
  ++turns;
}

__attribute__((noinline)) void spin_for_ever() {
  for (;;) turns.fetch_add(1, std::memory_order_relaxed);
}

__attribute__((noinline)) void go_down(int depth) {
  if (depth > 0) {
    go_down(depth - 1);
  } else {
    sleep_long();
  }
  ++turns;
}

}  // extern "C"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "churn") == 0) {
    std::puts("ready");
    std::fflush(stdout);
    for (;;) std::thread([] { ++turns; }).join();
  }
  held.lock();
  std::thread([] {
    pthread_setname_np(pthread_self(), "a \"locker\"");
    wait_for_mutex();
  }).detach();
  std::thread(spin_for_ever).detach();
  std::thread([] { go_down(50); }).detach();
  std::puts("ready");
  std::fflush(stdout);
  if (argc > 1 && std::strcmp(argv[1], "headless") == 0) pthread_exit(nullptr);
  char byte = 0;
  if (read(STDIN_FILENO, &byte, 1) < 0) return 1;
  std::puts("done");
  std::fflush(stdout);
  _exit(7);
}
