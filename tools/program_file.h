// What a program's file says of the allocator that will serve it, and whether a preload can reach
// it. What cannot be seen in the file is not claimed.
#pragma once

#include <string>
#include <vector>

namespace mla {

struct ProgramFile {
  std::string path;          // found in PATH as execvp does; of a script its interpreter
  bool is_python = false;    // by the name of the program or of a script's interpreter
  bool is_elf = false;       // readable and ELF; nothing below is known otherwise, but set_id
  bool set_id = false;       // set-user-id or set-group-id, and this user is not root
  bool other_class = false;  // not 64-bit
  bool is_static = false;    // no dynamic linker loads it
  bool musl = false;         // its dynamic linker is musl's
  bool go = false;           // made by the Go compiler: its heap is Go's own
  std::string sanitizer;     // the symbol that shows it, such as __asan_init
  bool own_malloc = false;   // it defines malloc itself
  // The first library it links that is an allocator, such as libjemalloc.so.2, and a function of
  // that allocator alone which the program calls (mallctl, mi_heap_new).
  std::string linked_allocator;
  std::string allocator_call;
  // An allocator whose messages stand in the file: jemalloc, mimalloc or tcmalloc. Some part of the
  // program may use it.
  std::string embedded_allocator;
};

ProgramFile inspect_program(const std::string& program);

// Why LD_PRELOAD cannot put another allocator, or libmla.so, in front: a sentence that begins with
// the path. Empty when nothing in the file says so.
std::string why_no_preload(const ProgramFile& file);

// Whether the base name of a library is that of an allocator.
bool is_allocator_library(const std::string& path);

}  // namespace mla
