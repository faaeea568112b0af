// Many forks from a process whose threads never stop allocating, often by new paths; the children
// allocate and exit.
// Usage: fork_storm FORKS [THREADS]
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "support/many_stacks.h"

namespace {

using mla::test::churn;

constexpr unsigned kTurns = 13;

std::atomic<int> forks_left;
std::atomic<int> good;

void fork_and_churn() {
  while (forks_left.fetch_sub(1) > 0) {
    churn(500, kTurns);
    const pid_t pid = fork();
    if (pid == 0) {
      churn(1500, kTurns);
      _exit(5);
    }
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
        WEXITSTATUS(status) == 5) {
      ++good;
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int forks = count > 1 ? std::atoi(arguments[1]) : 300;
  const int count_of_threads = count > 2 ? std::atoi(arguments[2]) : 8;
  forks_left = forks;
  std::vector<std::thread> threads;
  for (int i = 0; i < count_of_threads; ++i) threads.emplace_back(fork_and_churn);
  for (std::thread& thread : threads) thread.join();
  std::printf("%d of %d\n", good.load(), forks);
  return good == forks ? 0 : 1;
}
