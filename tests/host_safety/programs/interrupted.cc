// Signals in unlucky moments.
//
// Usage: interrupted jump        handlers that interrupt libmla.so leave it by siglongjmp, for ever
//        interrupted altstack    handlers on a small stack of their own allocate
//        interrupted coroutines  stacks of 16 KiB, switched by swapcontext
//        interrupted depth [LIBRARY] prints how much of a stack malloc and free use; of a library
//                                that is loaded before, its first calls
// Without libmla.so the same is printed, but by `depth`.
#include <dlfcn.h>
#include <link.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

void* volatile keep;
uintptr_t mla_low;
uintptr_t mla_high;

int find_mla(dl_phdr_info* info, size_t, void*) {
  if (std::strstr(info->dlpi_name, "libmla") == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& p = info->dlpi_phdr[i];
    if (p.p_type != PT_LOAD || (p.p_flags & PF_X) == 0) continue;
    mla_low = info->dlpi_addr + p.p_vaddr;
    mla_high = mla_low + p.p_memsz;
  }
  return 1;
}

sigjmp_buf back;
volatile sig_atomic_t may_jump;
volatile sig_atomic_t jumps;

uintptr_t pc_of(void* context) {
  const auto* c = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<uintptr_t>(c->uc_mcontext.gregs[REG_RIP]);
#else
  return c->uc_mcontext.pc;
#endif
}

// What is left is libmla.so's own work: where it has called the allocator, that one would be left
// with its lock held, which no program survives.
void leave_mla(int, siginfo_t*, void* context) {
  const uintptr_t pc = pc_of(context);
  if (may_jump == 0 || pc < mla_low || pc >= mla_high) return;
  may_jump = 0;
  jumps = jumps + 1;
  siglongjmp(back, 1);
}

[[gnu::noinline]] void* descend(unsigned path, int depth, size_t bytes) {
  if (depth == 0) return std::malloc(bytes);
  void* p = (path & 1) != 0 ? descend(path / 2, depth - 1, bytes) : nullptr;
  if (p == nullptr) p = descend(path / 2, depth - 1, bytes);
  keep = p;
  return p;
}

void allocate(unsigned path) {
  void* p = descend(path, 12, path % 2000);
  if (path % 5 != 0) std::free(p);
}

void catch_timer(void (*handler)(int, siginfo_t*, void*), int flags, suseconds_t every) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART | flags;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval often{{0, every}, {0, every}};
  setitimer(ITIMER_PROF, &often, nullptr);
}

void stop_timer() {
  const itimerval never{};
  setitimer(ITIMER_PROF, &never, nullptr);
}

int jump() {
  dl_iterate_phdr(find_mla, nullptr);
  catch_timer(leave_mla, 0, 1000);
  for (static unsigned path; path < 300000; ++path) {  // not in a register: siglongjmp
    if (sigsetjmp(back, 1) == 0) {
      may_jump = 1;
      allocate(path);
    }
    may_jump = 0;
  }
  stop_timer();
  std::fprintf(stderr, "jumps %d\n", static_cast<int>(jumps));
  // Forking, loading and ending work as ever.
  const pid_t child = fork();
  if (child == 0) {
    for (unsigned path = 0; path < 5000; ++path) allocate(path);
    std::exit(4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("child %d\n", WEXITSTATUS(status));
  return 5;
}

volatile sig_atomic_t handled;
volatile sig_atomic_t in_malloc;

void allocate_on_altstack(int, siginfo_t*, void*) {
  if (in_malloc != 0) return;  // not to enter the allocator twice
  for (unsigned i = 0; i < 20; ++i) allocate(i * 77);
  handled = handled + 1;
}

int altstack() {
  static char memory[16 * 1024];
  const stack_t stack{memory, 0, sizeof memory};
  sigaltstack(&stack, nullptr);
  catch_timer(allocate_on_altstack, SA_ONSTACK, 1000);
  for (unsigned path = 0; handled < 200; ++path) {
    in_malloc = 1;
    allocate(path);
    in_malloc = 0;
    for (int spin = 0; spin < 2000; ++spin) asm volatile("");
  }
  stop_timer();
  std::puts("handled");
  return 0;
}

constexpr size_t kStack = 16 * 1024;
ucontext_t main_context;
ucontext_t coroutines[50];
unsigned long sum;

void coroutine(int self) {
  for (unsigned i = 0; i < 200; ++i) {
    std::string* s = new std::string(i + static_cast<unsigned>(self), 'c');
    allocate(i * 31);
    swapcontext(&coroutines[self], &main_context);
    sum += s->size();
    delete s;
  }
}

int run_coroutines() {
  for (int c = 0; c < 50; ++c) {
    getcontext(&coroutines[c]);
    coroutines[c].uc_stack.ss_sp = std::malloc(kStack);
    coroutines[c].uc_stack.ss_size = kStack;
    coroutines[c].uc_link = &main_context;
    makecontext(&coroutines[c], reinterpret_cast<void (*)()>(coroutine), 1, c);
  }
  for (int round = 0; round <= 200; ++round) {
    for (int c = 0; c < 50; ++c) {
      swapcontext(&main_context, &coroutines[c]);
    }
  }
  std::printf("%lu\n", sum);
  return 0;
}

// A stack is painted, then looked at: how far down has anything been written?
char painted[256 * 1024];

void* (*of_library)(size_t);

void use_stack() {
  for (size_t bytes = 1; of_library != nullptr && bytes < 100; ++bytes)
    std::free(of_library(bytes));
  for (unsigned path = 0; path < 100000; ++path) allocate(path);
}

int depth(const char* library) {
  void* const handle = library == nullptr ? nullptr : dlopen(library, RTLD_NOW);
  if (library != nullptr && handle == nullptr) return 1;
  if (handle != nullptr) {
    of_library = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "library_allocate"));
  }
  std::memset(painted, 0x5a, sizeof painted);
  static ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = painted;
  context.uc_stack.ss_size = sizeof painted;
  context.uc_link = &main_context;
  makecontext(&context, use_stack, 0);
  swapcontext(&main_context, &context);
  size_t untouched = 0;
  while (painted[untouched] == 0x5a) ++untouched;
  std::printf("%zu\n", sizeof painted - untouched);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  if (what == "jump") return jump();
  if (what == "altstack") return altstack();
  if (what == "coroutines") return run_coroutines();
  if (what == "depth") return depth(count > 2 ? arguments[2] : nullptr);
  return 2;
}
