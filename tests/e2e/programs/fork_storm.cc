// Many forks from a process whose threads never stop allocating, often by new paths; the children
// allocate and exit.
// Usage: fork_storm FORKS
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 8;
std::atomic<int> forks_left;
std::atomic<int> good;

std::atomic<unsigned> next_path;

// Each bit of `path` leads through another function, and so to another stack.
void* by_path(unsigned path, unsigned turns, size_t bytes);

__attribute__((noinline)) void* to_the_left(unsigned path, unsigned turns, size_t bytes) {
  void* volatile block = by_path(path, turns, bytes);
  return block;
}

__attribute__((noinline)) void* to_the_right(unsigned path, unsigned turns, size_t bytes) {
  void* volatile block = by_path(path, turns, bytes);
  return block;
}

void* by_path(unsigned path, unsigned turns, size_t bytes) {
  if (turns == 0) return std::malloc(bytes);
  const auto next = (path & 1) != 0 ? to_the_left : to_the_right;
  void* volatile block = next(path >> 1, turns - 1, bytes);
  return block;
}

void churn(int n) {
  void* kept[64] = {};
  for (int i = 0; i < n; ++i) {
    void*& slot = kept[i % 64];
    std::free(slot);
    slot = by_path(next_path.fetch_add(1) / 8, 13, static_cast<size_t>(16 + i % 1000));
  }
  for (void* block : kept) std::free(block);
}

void fork_and_churn() {
  while (forks_left.fetch_sub(1) > 0) {
    churn(500);
    const pid_t pid = fork();
    if (pid == 0) {
      churn(1500);
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
  forks_left = forks;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(fork_and_churn);
  for (std::thread& thread : threads) thread.join();
  std::printf("%d of %d\n", good.load(), forks);
  return good == forks ? 0 : 1;
}
