// Running the program once more with another LD_PRELOAD, before its main().
//
// Needed when what must be preloaded is not, or in the wrong order: MLA_ALLOCATOR names an
// allocator that was not loaded at start (Debian's jemalloc cannot be loaded later: its
// thread-local data no longer fit), an allocator stands before libmla.so and would take every call,
// or the program brings AddressSanitizer, which refuses to run with anything in front of it.
//
// Same pid, same argv, same environment but for LD_PRELOAD and the guard variable MLA_REEXEC, which
// is removed again. What the kernel changes on exec is put back: the thread name, and the AT_EXECFN
// entry of the auxiliary vector. Never under AT_SECURE, never twice.
#pragma once

namespace mla {

// In the constructor, before anything else. Reads and removes the guard variable; undoes what the
// second exec changed. True if this is the second run.
bool finish_reexec(char** environment);

// Builds LD_PRELOAD anew and executes. `behind`: library to put right behind libmla.so, or nullptr.
// `without_mla`: leave libmla.so out instead. Returns only if it is not possible.
void reexec(char** argv, char** environment, const char* behind, bool without_mla);

// Takes libmla.so out of LD_PRELOAD in place, leaving the other entries: programs this one
// executes are not recorded.
void leave_preload(char** environment);

// Path of the library of an allocator ("jemalloc", "tcmalloc", "mimalloc"), found in the usual
// directories. False if it is not installed.
bool find_allocator_library(const char* name, char* path, unsigned long capacity);

// Debian's package of an allocator.
const char* package_of(const char* name);

}  // namespace mla
