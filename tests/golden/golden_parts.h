// The parts of the golden program.
#pragma once

namespace golden {

void find_cfree();
void malloc_sites();
void tiny_sites();
void new_sites();
void refuse_memory();
void inlined_sites();
void thread_sites();
void mapping_sites();

}  // namespace golden
