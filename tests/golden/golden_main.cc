// golden THREADS exit|wait: does its work in that many threads (1: the main thread), prints a line
// "READY {...}" and ends, or waits to be killed.
#include <pthread.h>

#include <atomic>
#include <cstring>

#include "golden.h"

namespace {

constexpr int kMostThreads = 64;
constexpr int kMostVariables = 32;

struct Variable {
  std::atomic<const char*> name;
  std::atomic<unsigned long> value;
};
Variable variables[kMostVariables];
std::atomic<int> variable_count;
pthread_mutex_t variables_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_barrier_t all_started;

void* work(void*) {
  pthread_barrier_wait(&all_started);
  golden::every_thread();
  return nullptr;
}

void run_threads(int threads) {
  pthread_t thread[kMostThreads];
  pthread_barrier_init(&all_started, nullptr, static_cast<unsigned>(threads));
  for (int i = 0; i < threads; ++i) {
    REQUIRE(pthread_create(&thread[i], nullptr, work, nullptr) == 0);  // SITE main_create any
  }
  for (int i = 0; i < threads; ++i) REQUIRE(pthread_join(thread[i], nullptr) == 0);
}

void print_ready() {
  char line[2048];
  int n = snprintf(line, sizeof line, "READY {\"pid\": %d", static_cast<int>(getpid()));
  for (int i = 0; i < variable_count; ++i) {
    n += snprintf(line + n, sizeof line - static_cast<size_t>(n), ", \"%s\": %lu",
                  variables[i].name.load(), variables[i].value.load());
  }
  n += snprintf(line + n, sizeof line - static_cast<size_t>(n), "}\n");
  REQUIRE(write(1, line, static_cast<size_t>(n)) == n);
}

}  // namespace

namespace golden {

GOLDEN_FRAME void* keep(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

void in_another_thread(void* (*function)(void*), void* argument) {
  pthread_t thread;
  REQUIRE(pthread_create(&thread, nullptr, function, argument) == 0);  // SITE create any
  REQUIRE(pthread_join(thread, nullptr) == 0);
}

void say(const char* name, unsigned long value) {
  pthread_mutex_lock(&variables_mutex);
  int i = 0;
  while (i < variable_count && strcmp(variables[i].name, name) != 0) ++i;
  if (i == variable_count) {
    REQUIRE(i < kMostVariables);
    variables[i].name = name;
    variables[i].value = value;
    ++variable_count;
  }
  REQUIRE(variables[i].value == value);
  pthread_mutex_unlock(&variables_mutex);
}

}  // namespace golden

int main(int argc, char** argv) {
  REQUIRE(argc == 3);
  const int threads = atoi(argv[1]);
  REQUIRE(threads >= 1 && threads <= kMostThreads);
  golden::once();
  if (threads == 1) {
    golden::every_thread();
  } else {
    run_threads(threads);
  }
  print_ready();
  while (strcmp(argv[2], "wait") == 0) pause();
  return 0;
}
