# What a preloaded library gets wrong in other people's processes: one test for each of it.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
set(MLA_HOST_SAFETY ${CMAKE_CURRENT_LIST_DIR})
set(programs ${MLA_HOST_SAFETY}/programs)

mla_program(workload ${programs}/workload.cc)
mla_program(found ${programs}/found.cc)
target_compile_options(found PRIVATE -Wno-sized-deallocation)  # that is what it is about
mla_program(manners ${programs}/manners.cc)
target_link_libraries(manners PRIVATE ${CMAKE_DL_LIBS})
add_library(plugin MODULE ${programs}/plugin.c)
target_compile_options(plugin PRIVATE -g -O1 -fno-builtin)
set_target_properties(plugin PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MLA_PROGRAMS})

mla_program(interrupted ${programs}/interrupted.cc)
target_link_libraries(interrupted PRIVATE ${CMAKE_DL_LIBS})
target_link_options(interrupted PRIVATE -Wl,-z,now)  # the loader takes more stack than mla
mla_program(neutral ${programs}/neutral.c)
mla_program(refused ${programs}/refused.cc)
mla_program(sandboxed ${programs}/sandboxed.c)
mla_program(filtered ${programs}/filtered.c)
mla_program(held_up ${programs}/held_up.c)
mla_program(loading ${programs}/loading.cc)
target_link_libraries(loading PRIVATE ${CMAKE_DL_LIBS})
foreach(name busy_constructor first_calls_library guest nested_guest own_prctl quiet_library scarce
        tls_guest)
  add_library(${name} MODULE ${programs}/${name}.c)
  target_compile_options(${name} PRIVATE -g -O1 -fno-builtin)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MLA_PROGRAMS})
endforeach()
mla_program(first_calls ${programs}/first_calls.c)
add_dependencies(first_calls first_calls_library)
target_link_options(first_calls PRIVATE -Wl,--no-as-needed $<TARGET_FILE:first_calls_library>)

mla_program(busy_program ${programs}/busy_program.c)
add_dependencies(busy_program busy_constructor)
target_link_options(busy_program PRIVATE -Wl,--no-as-needed $<TARGET_FILE:busy_constructor>)

# Hosts that cannot be recorded, or not as others.
mla_program(own_malloc ${programs}/own_malloc.c)
mla_program(static_program ${programs}/workload.cc)
target_link_options(static_program PRIVATE -static)
mla_program(asan_program ${programs}/workload.cc)
mla_program(asan_error ${programs}/asan_error.c)
foreach(name asan_program asan_error)
  target_compile_options(${name} PRIVATE -fsanitize=address)
  target_link_options(${name} PRIVATE -fsanitize=address)
endforeach()
find_library(MLA_JEMALLOC NAMES libjemalloc.so.2)
if(MLA_JEMALLOC)
  mla_program(jemalloc_program ${programs}/workload.cc)
  target_link_options(jemalloc_program PRIVATE -Wl,--no-as-needed)
  target_link_libraries(jemalloc_program PRIVATE ${MLA_JEMALLOC})
endif()

foreach(name found functions hosts interrupted loading manners removal sandbox storage)
  mla_program_test(host_safety ${name} ${MLA_HOST_SAFETY}/${name}_test.py)
endforeach()
add_test(NAME host_safety.mutations_apply COMMAND Python3::Interpreter -B
         ${MLA_HOST_SAFETY}/mutate.py --check ${CMAKE_BINARY_DIR})
add_test(NAME host_safety.page COMMAND Python3::Interpreter -B
         ${MLA_HOST_SAFETY}/safety_page.py ${PROJECT_SOURCE_DIR}/docs/safety.md ${CMAKE_BINARY_DIR})
set_tests_properties(host_safety.mutations_apply host_safety.page
                     PROPERTIES LABELS host_safety TIMEOUT 120)

# They share the directory in /tmp that is used where no other can be.
set_tests_properties(host_safety.storage PROPERTIES RESOURCE_LOCK mla_tmp)

# The same where allocator and mode matter, over each and in both: MLA_SAMPLE of a size at which all
# of the programs are sampled many times.
foreach(name found functions interrupted loading manners sandbox storage)
  foreach(allocator ptmalloc2 jemalloc tcmalloc mimalloc)
    foreach(mode exact sampled)
      if(allocator STREQUAL ptmalloc2 AND mode STREQUAL exact)
        continue()  # the one above
      endif()
      set(test host_safety.${name}.${allocator}.${mode})
      mla_program_test(host_safety ${name}.${allocator}.${mode} ${MLA_HOST_SAFETY}/${name}_test.py)
      set(variables TEST_ALLOCATOR=${allocator})
      if(mode STREQUAL sampled)
        list(APPEND variables TEST_SAMPLE=4K)
      endif()
      set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT ${variables})
      set_tests_properties(${test} PROPERTIES SKIP_RETURN_CODE 77)
      if(name STREQUAL storage)
        set_tests_properties(${test} PROPERTIES RESOURCE_LOCK mla_tmp)
      endif()
      # Of the short ones, one of each allocator and mode is among the tests that always run.
      if(NOT name STREQUAL loading)
        set_tests_properties(${test} PROPERTIES LABELS "host_safety;long")
      endif()
    endforeach()
  endforeach()
endforeach()
