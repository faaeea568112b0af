# Programs with known call sites. They are compiled the same way in every build type: what is
# inlined, and so what the comments say of the stacks, depends on it.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
set(golden ${CMAKE_CURRENT_LIST_DIR})
set(golden_sources golden_main.cc golden.cc golden_malloc.cc golden_new.cc golden_threads.cc
    golden_inlined.cc golden_mapping.cc)

# LOSSES: the only ones that the program may cause. PLUGINS: full paths of more sources.
function(mla_golden_test target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "UNWIND_CHECK;PROGRAM" "SOURCES;PLUGINS;LOSSES")
  set(sources ${arg_SOURCES})
  list(TRANSFORM sources PREPEND ${golden}/)
  set(label ${target})
  set(program $<TARGET_FILE:${target}>)
  if(arg_PROGRAM)
    set(program ${arg_PROGRAM})
  endif()
  if(DEFINED arg_UNWIND_CHECK)
    set(label ${target}_check_${arg_UNWIND_CHECK})
  else()
    set(arg_UNWIND_CHECK 7)
  endif()
  foreach(allocator ptmalloc2 jemalloc tcmalloc mimalloc)
    set(name golden.${label}.${allocator})
    add_test(NAME ${name}
      COMMAND Python3::Interpreter -B ${golden}/check_golden.py --mla $<TARGET_FILE:mla>
              --preload $<TARGET_FILE:mla_preload> --program ${program}
              --allocator ${allocator} --unwind-check ${arg_UNWIND_CHECK}
              --losses ${arg_LOSSES} --sources ${sources} ${arg_PLUGINS})
    set_tests_properties(${name} PROPERTIES LABELS golden SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endfunction()

function(mla_golden_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;OPTIONS")
  set(sources ${arg_SOURCES})
  list(TRANSFORM sources PREPEND ${golden}/)
  add_executable(${target} ${sources})
  # The last -O counts, and NDEBUG or -O0 of the build type must not.
  target_compile_options(${target} PRIVATE -g -O2 -fno-optimize-sibling-calls ${arg_OPTIONS}
    $<$<COMPILE_LANGUAGE:CXX>:-fsized-deallocation>)
  find_package(Threads REQUIRED)
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

mla_golden_program(golden SOURCES ${golden_sources})
mla_golden_test(golden SOURCES ${golden_sources})
mla_golden_program(golden_o3 SOURCES ${golden_sources} OPTIONS -O3 -fomit-frame-pointer)
mla_golden_test(golden_o3 SOURCES ${golden_sources})

# The other compiler: other prologues, other debug information.
find_program(MLA_CLANGXX NAMES clang++ clang++-14)
if(MLA_CLANGXX)
  set(clang_sources ${golden_sources})
  list(TRANSFORM clang_sources PREPEND ${golden}/)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/golden_clang)
  add_custom_command(OUTPUT ${program}
    COMMAND ${MLA_CLANGXX} -std=c++20 -O2 -g -pthread -fno-optimize-sibling-calls
            -fsized-deallocation ${clang_sources} -ldl -o ${program}
    DEPENDS ${clang_sources} ${golden}/golden.h ${golden}/golden_parts.h VERBATIM)
  add_custom_target(golden_by_clang ALL DEPENDS ${program})
  mla_golden_test(golden_clang SOURCES ${golden_sources} PROGRAM ${program})
endif()

mla_golden_program(golden_c SOURCES golden_c.c)
mla_golden_test(golden_c SOURCES golden_c.c)

# Difficult stacks, every one of them compared with libunwind's.
foreach(name alpha gamma)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/golden_plugin_${name}.c)
  configure_file(${golden}/golden_plugin.c.in ${source} @ONLY)
  add_library(golden_plugin_${name} MODULE ${source})
  set_target_properties(golden_plugin_${name} PROPERTIES PREFIX "")
  target_compile_options(golden_plugin_${name} PRIVATE -g -O2)
  list(APPEND plugins ${source})
endforeach()
set(stacks_sources golden_main.cc golden_stacks.cc golden_interrupted.cc golden_plugins.cc)
mla_golden_program(golden_stacks SOURCES ${stacks_sources})
add_dependencies(golden_stacks golden_plugin_alpha golden_plugin_gamma)
foreach(check 0 1)
  mla_golden_test(golden_stacks SOURCES ${stacks_sources} PLUGINS ${plugins} UNWIND_CHECK ${check}
                  LOSSES reentrant stack_truncated=3)
endforeach()
