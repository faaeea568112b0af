# Whole programs, recorded and compared with themselves unrecorded. The library cannot serve
# programs built with a sanitizer, so these tests exist in plain builds only.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
find_package(Threads REQUIRED)
set(MLA_E2E ${CMAKE_CURRENT_LIST_DIR})
set(MLA_PROGRAMS ${CMAKE_BINARY_DIR}/tests/programs)

# mla_program(name source...): a small program for a test, kept as its source says: the compiler
# may not remove allocations nor inline what is asked for by name.
function(mla_program name)
  add_executable(${name} ${ARGN})
  target_compile_options(${name} PRIVATE -g -O1 -fno-builtin)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${MLA_PROGRAMS})
endfunction()

# mla_program_test(label name script [arguments...]): a Python test of whole programs.
function(mla_program_test label name script)
  add_test(NAME ${label}.${name} COMMAND Python3::Interpreter -B ${script} ${ARGN})
  set(variables "PYTHONPATH=${MLA_E2E}" "MLA_BIN=$<TARGET_FILE:mla>"
      "MLA_LIB=$<TARGET_FILE:mla_preload>" "MLA_PROGRAMS=${MLA_PROGRAMS}")
  set_tests_properties(${label}.${name} PROPERTIES
    LABELS ${label} TIMEOUT 1200 ENVIRONMENT "${variables}")
endfunction()

foreach(name churn_journal export_inlined fork_family fork_storm jit_frames kill_journal mixed_sizes
        page_pins stacks_host trim_host)
  mla_program(${name} ${MLA_E2E}/programs/${name}.cc)
endforeach()

mla_program(leak_pairs ${MLA_E2E}/programs/leak_pairs.c)
find_package(LibXml2 REQUIRED)
mla_program(leak_pairs_xml ${MLA_E2E}/programs/leak_pairs_xml.c)
target_link_libraries(leak_pairs_xml PRIVATE LibXml2::LibXml2)

mla_program(site_lives ${MLA_E2E}/programs/site_lives.c)

mla_program_test(e2e cohorts ${MLA_E2E}/cohorts_test.py)
mla_program_test(e2e exec ${MLA_E2E}/exec_test.py)
mla_program_test(e2e exports ${MLA_E2E}/exports_test.py)
mla_program_test(e2e push ${MLA_E2E}/push_test.py)
mla_program_test(e2e fork ${MLA_E2E}/fork_test.py)
mla_program_test(e2e kill9 ${MLA_E2E}/kill9_test.py)
mla_program_test(e2e kill9_whole ${MLA_E2E}/kill9_test.py)
set_property(TEST e2e.kill9_whole APPEND PROPERTY ENVIRONMENT "MLA_KILLS=1000")
set_tests_properties(e2e.kill9_whole PROPERTIES LABELS "e2e;long" TIMEOUT 5400)
mla_program_test(e2e python ${MLA_E2E}/python_test.py system)
mla_program_test(e2e python_versions ${MLA_E2E}/python_test.py versions)
mla_program_test(e2e python_objects ${MLA_E2E}/python_objects_test.py system)
mla_program_test(e2e python_objects_versions ${MLA_E2E}/python_objects_test.py versions)
mla_program_test(e2e mla_py ${MLA_E2E}/mla_py_test.py system)
mla_program_test(e2e mla_py_versions ${MLA_E2E}/mla_py_test.py versions)
mla_program_test(e2e stacks ${MLA_E2E}/stacks_test.py usual)
mla_program_test(e2e stacks_versions ${MLA_E2E}/stacks_test.py versions)
set_tests_properties(e2e.python_objects_versions PROPERTIES TIMEOUT 5400)
set_tests_properties(e2e.python_versions e2e.python_objects_versions e2e.stacks_versions
  PROPERTIES LABELS "e2e;long")
mla_program_test(e2e watch ${MLA_E2E}/watch_test.py usual)
mla_program_test(e2e watch_metrics ${MLA_E2E}/watch_metrics_test.py)
mla_program_test(e2e watch_recorded ${MLA_E2E}/watch_test.py recorded)
set_tests_properties(e2e.watch_recorded PROPERTIES LABELS "e2e;long")
mla_program_test(e2e top ${MLA_E2E}/top.py)
mla_program_test(e2e switched_off ${MLA_E2E}/switched_off_test.py)
mla_program_test(e2e why ${MLA_E2E}/why_test.py usual)
mla_program_test(e2e why_on_other_allocators ${MLA_E2E}/why_test.py others)
set_tests_properties(e2e.why_on_other_allocators PROPERTIES LABELS "e2e;long")
mla_program_test(e2e real_programs ${MLA_E2E}/real_test.py usual)
mla_program_test(e2e real_programs_on_other_allocators ${MLA_E2E}/real_test.py others)
set_tests_properties(e2e.real_programs_on_other_allocators PROPERTIES LABELS "e2e;long")

mla_program_test(e2e package ${MLA_E2E}/package_test.py)
set_property(TEST e2e.package APPEND PROPERTY ENVIRONMENT "MLA_BUILD=${CMAKE_BINARY_DIR}")
mla_program_test(e2e leak_pairs ${MLA_E2E}/leak_pairs.py)
mla_program_test(e2e healthy_programs ${MLA_E2E}/healthy_programs.py)
set_tests_properties(e2e.leak_pairs e2e.healthy_programs PROPERTIES LABELS "e2e;long")

# What takes long comes in two extents.
foreach(extent short whole)
  mla_program_test(e2e sampling_${extent} ${MLA_E2E}/sampling_test.py ${extent})
  mla_program_test(e2e many_threads_${extent} ${MLA_E2E}/many_threads_test.py ${extent})
  mla_program_test(e2e unwind_check_${extent} ${MLA_E2E}/unwind_check_test.py ${extent})
  set_property(TEST e2e.unwind_check_${extent} APPEND PROPERTY ENVIRONMENT
               "MLA_SPECIAL_FRAMES=$<TARGET_FILE:golden_stacks>")
endforeach()
set_tests_properties(e2e.unwind_check_whole e2e.sampling_whole e2e.many_threads_whole
  PROPERTIES LABELS "e2e;long")
