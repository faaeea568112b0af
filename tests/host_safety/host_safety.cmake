# What a preloaded library gets wrong in other people's processes: one test for each of it.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
set(MLA_HOST_SAFETY ${CMAKE_CURRENT_LIST_DIR})

mla_program(workload ${MLA_HOST_SAFETY}/programs/workload.cc)

mla_program_test(host_safety storage ${MLA_HOST_SAFETY}/storage_test.py)
