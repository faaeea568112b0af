set(mla_programs ${CMAKE_BINARY_DIR}/tests/programs)
set(mla_library $<$<TARGET_EXISTS:mla_preload>:$<TARGET_FILE:mla_preload>>)
foreach(part usage run store analyse leaks docs bench diff copies users progress)
  add_test(NAME e2e_cli_${part}
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cli_${part}.py)
  set_tests_properties(e2e_cli_${part} PROPERTIES
    LABELS e2e
    ENVIRONMENT
    "MLA_BIN=$<TARGET_FILE:mla>;MLA_LIB=${mla_library};MLA_PROGRAMS=${mla_programs}")
endforeach()
set_property(TEST e2e_cli_diff APPEND PROPERTY ENVIRONMENT
             "PYTHONPATH=${CMAKE_CURRENT_LIST_DIR}")
# Waits for its programs most of the time.
add_test(NAME e2e_ci_docs COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/ci_docs.py)
set_tests_properties(e2e_ci_docs PROPERTIES
  LABELS "e2e;long"
  ENVIRONMENT "MLA_BIN=$<TARGET_FILE:mla>;MLA_LIB=${mla_library}")

# Measured by e2e_cli_bench, also in builds whose own programs have a sanitizer.
add_executable(bench_work ${CMAKE_CURRENT_LIST_DIR}/programs/bench_work.c)
target_compile_options(bench_work PRIVATE -O1 -fno-builtin -fno-sanitize=all)
target_link_options(bench_work PRIVATE -fno-sanitize=all)
set_target_properties(bench_work PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${mla_programs})
