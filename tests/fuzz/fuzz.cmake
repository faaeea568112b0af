# The replay runs in every build; the fuzzer itself needs Clang, and an analyser built for it:
#   CXX=clang++ cmake -B build/fuzz -G Ninja -DMLA_SANITIZE=fuzzer-no-link,address,undefined
#   build/fuzz/tests/reader_fuzzer -max_total_time=600 corpus
foreach(name reader suppressions)
  add_executable(${name}_replay ${CMAKE_CURRENT_LIST_DIR}/fuzz_${name}.cc)
  target_include_directories(${name}_replay PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
  target_link_libraries(${name}_replay PRIVATE mla_analyser)
  add_test(NAME ${name}_replay COMMAND ${name}_replay)
  set_tests_properties(${name}_replay PROPERTIES LABELS fuzz)

  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_executable(${name}_fuzzer ${CMAKE_CURRENT_LIST_DIR}/fuzz_${name}.cc)
    target_include_directories(${name}_fuzzer PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
    target_link_libraries(${name}_fuzzer PRIVATE mla_analyser)
    target_compile_definitions(${name}_fuzzer PRIVATE MLA_LIBFUZZER)
    target_compile_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
    target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()
