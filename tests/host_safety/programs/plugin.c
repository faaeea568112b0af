// A library that is loaded and unloaded again and again.
#include <stdlib.h>

static void* at_load;

void* plugin_allocate(size_t bytes) { return malloc(bytes); }

__attribute__((constructor)) static void load(void) { at_load = malloc(77); }
__attribute__((destructor)) static void unload(void) { free(at_load); }
