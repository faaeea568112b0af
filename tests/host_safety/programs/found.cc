// Programs that a review of libmla.so found it to break or to misreport, one by each argument.
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

// Only the two basic operators are replaced, with a header before each block: the other forms are
// defined to call these.
constexpr long kMark = 0x1234;
constexpr size_t kHeader = 16;

void* operator new(size_t bytes) {
  auto* block = static_cast<char*>(std::malloc(bytes + kHeader));
  if (block == nullptr) throw std::bad_alloc();
  std::memcpy(block, &kMark, sizeof kMark);
  return block + kHeader;
}
void operator delete(void* object) noexcept {
  if (object == nullptr) return;
  char* block = static_cast<char*>(object) - kHeader;
  if (std::memcmp(block, &kMark, sizeof kMark) != 0) std::abort();
  std::free(block);
}

namespace {

void keep(void* p) { asm volatile("" : : "r"(p) : "memory"); }
void churn(int times) {
  for (int i = 0; i < times; ++i) {
    void* p = std::malloc(30);
    keep(p);
    std::free(p);
  }
}
void nap(long ms) {  // without libc, so that no event happens meanwhile
  timespec t{ms / 1000, ms % 1000 * 1'000'000};
  syscall(SYS_nanosleep, &t, nullptr);
}

int replaced_operators() {
  struct Sized {
    virtual ~Sized() = default;
    long x[4] = {};
  };
  for (int i = 0; i < 1000; ++i) {
    auto* sized = new Sized;
    keep(sized);
    delete sized;
    auto* array = new Sized[3];
    keep(array);
    delete[] array;
    auto* quiet = new (std::nothrow) int;
    keep(quiet);
    operator delete(quiet, std::nothrow);
  }
  std::puts("ok");
  return 0;
}

std::atomic<bool> go;
void* churn_when_told(void*) {
  while (!go) {
  }
  churn(200);
  return nullptr;
}
void* sleep_a_little(void*) {
  nap(20);
  return nullptr;
}

// Children whose two threads start without an allocation, on stacks libc has kept, and then
// allocate at once.
int threads_of_a_child() {
  churn(3000);
  pthread_t warm[4];
  for (pthread_t& thread : warm) pthread_create(&thread, nullptr, sleep_a_little, nullptr);
  for (const pthread_t thread : warm) pthread_join(thread, nullptr);
  int bad = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      pthread_t pair[2];
      for (pthread_t& thread : pair) pthread_create(&thread, nullptr, churn_when_told, nullptr);
      go = true;
      for (const pthread_t thread : pair) pthread_join(thread, nullptr);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    bad += status != 0 ? 1 : 0;
  }
  std::printf("%d children died\n", bad);
  return bad;
}

// 100 blocks are alive at the fork. Before the child's first event the parent frees them and
// allocates others.
int inherited_at_the_fork() {
  constexpr int kBlocks = 100;
  void* block[kBlocks];
  churn(5000);
  for (void*& p : block) p = std::malloc(100'000);
  const auto child = static_cast<pid_t>(syscall(SYS_fork));
  if (child == 0) {
    nap(300);
    for (int i = 0; i < kBlocks / 2; ++i) std::free(block[i]);
    churn(5000);
    _exit(0);
  }
  for (void* p : block) std::free(p);
  for (int i = 0; i < 50; ++i) keep(std::malloc(1'000'000));
  waitpid(child, nullptr, 0);
  return 0;
}

// As nginx and setproctitle do: the title goes where arguments and environment were.
int titled(char** argv) {
  if (argv[0] == nullptr) return 2;
  char* end = argv[0];
  for (char** a = argv; *a != nullptr; ++a) end = *a + std::strlen(*a) + 1;
  int count = 0;
  for (; environ[count] != nullptr; ++count) end = environ[count] + std::strlen(environ[count]) + 1;
  auto** copy = static_cast<char**>(std::malloc((count + 1) * sizeof(char*)));
  for (int i = 0; i < count; ++i) copy[i] = strdup(environ[i]);
  copy[count] = nullptr;
  environ = copy;
  std::memset(argv[0], 0, end - argv[0]);
  std::strcpy(argv[0], "x: worker");
  const pid_t child = fork();
  if (child == 0) {
    churn(5000);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  return 0;
}

void* rest(void*) {
  for (;;) pause();
}

// A handler that allocates interrupts fork() where it holds the C library's own locks. What the
// handler asks for is in the thread's cache: it needs none of them.
int profiled_forks() {
  const auto handler = [](int) {
    for (int i = 0; i < 300; ++i) churn(1);
  };
  churn(1);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t other;  // with one thread alone fork() takes no locks
  if (pthread_create(&other, nullptr, rest, nullptr) != 0) return 2;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval every = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_PROF, &every, nullptr);
  for (const time_t end = time(nullptr) + 5; time(nullptr) < end;) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    while (waitpid(child, nullptr, 0) < 0) {
    }
    churn(200);
  }
  return 0;
}

// Sizes that cannot be had, as a parse error asks for; then 64 MiB.
int refused_sizes() {
  for (const size_t bytes : {static_cast<size_t>(INT_MIN), SIZE_MAX / 4 * 3, SIZE_MAX / 2}) {
    void* volatile none = std::malloc(bytes);
    if (none != nullptr) return 2;
  }
  for (int i = 0; i < 65536; ++i) keep(std::malloc(1024));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (std::strcmp(what, "operators") == 0) return replaced_operators();
  if (std::strcmp(what, "threads") == 0) return threads_of_a_child();
  if (std::strcmp(what, "inherited") == 0) return inherited_at_the_fork();
  if (std::strcmp(what, "titled") == 0) return titled(argv);
  if (std::strcmp(what, "profiled-forks") == 0) return profiled_forks();
  if (std::strcmp(what, "refused") == 0) return refused_sizes();
  return 2;
}
