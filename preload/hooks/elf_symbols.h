// Looking a function up in one particular loaded library, by reading its symbol table.
//
// dlsym is not used for this: it may allocate (and so call the very hook that asked), RTLD_NEXT
// depends on the load order, and RTLD_DEFAULT may return a PLT stub that leads back to the hook.
// Reading the tables needs no lock, no memory and no bootstrap pool.
#pragma once

#include <link.h>

#include <cstdint>

#include "segment/loaded_image.h"

namespace mla {

// Libraries in the loader's order: the program, preloaded ones, then dependencies.
const struct link_map* first_object();

// Address of function `name` if `object` itself defines it (its default version), else nullptr.
void* find_function(const struct link_map* object, const char* name);

// Address of a data object or function of any type, else nullptr.
void* find_symbol(const struct link_map* object, const char* name);

// First object after `after` (nullptr: all) that defines function `name`, or nullptr.
const struct link_map* find_definer(const struct link_map* after, const char* name);

// The object whose code holds `address`, or nullptr.
const struct link_map* object_of(const void* address);

// All that is mapped of an object; empty if it is not loaded.
AddressRange range_of(const struct link_map* object);

}  // namespace mla
