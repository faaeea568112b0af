// Allocates below 40 frames of 1 KiB without unwind information, as a JIT makes them: code with a
// frame pointer that calls itself so often and then a function.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace {

constexpr int kDepth = 40;
constexpr size_t kPage = 4096;

// void recurse(int edi, void (*rsi)())
constexpr unsigned char kCode[] = {
    0x55,                                // push %rbp
    0x48, 0x89, 0xe5,                    // mov %rsp, %rbp
    0x48, 0x81, 0xec, 0,    4,    0, 0,  // sub $0x400, %rsp
    0x85, 0xff,                          // test %edi, %edi
    0x74, 9,                             // je the last call
    0xff, 0xcf,                          // dec %edi
    0xe8, 0xea, 0xff, 0xff, 0xff,        // call recurse
    0xeb, 2,                             // jmp leave
    0xff, 0xd6,                          // call *%rsi
    0xc9, 0xc3                           // leave, ret
};

void* kept;

}  // namespace

extern "C" {

__attribute__((noinline)) void jit_leaf() { kept = malloc(100); }

// Its own frame is found from RSP.
__attribute__((noinline, optimize("omit-frame-pointer"))) void jit_caller(void* code) {
  reinterpret_cast<void (*)(int, void (*)())>(code)(kDepth - 1, jit_leaf);
  __asm__ volatile("");
}

}  // extern "C"

int main() {
  void* code = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  memcpy(code, kCode, sizeof kCode);
  if (mprotect(code, kPage, PROT_READ | PROT_EXEC) != 0) return 1;
  for (int i = 0; i < 50; ++i) jit_caller(code);
  return 0;
}
