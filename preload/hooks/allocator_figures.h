// The serving allocator's own figures and its means to give memory back, as an AllocatorService.
#pragma once

namespace mla {

// Once, after choose_allocator(). Looks the functions up; calls none.
void bind_allocator_service();

}  // namespace mla
