# The replay runs in every build; the fuzzer itself needs Clang, and an analyser built for it:
#   CXX=clang++ cmake -B build/fuzz -G Ninja -DMLA_SANITIZE=fuzzer-no-link,address,undefined
#   build/fuzz/tests/reader_fuzzer -max_total_time=600 corpus
add_executable(reader_replay ${CMAKE_CURRENT_LIST_DIR}/fuzz_reader.cc)
target_include_directories(reader_replay PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(reader_replay PRIVATE mla_analyser)
add_test(NAME reader_replay COMMAND reader_replay)
set_tests_properties(reader_replay PROPERTIES LABELS fuzz)

if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_executable(reader_fuzzer ${CMAKE_CURRENT_LIST_DIR}/fuzz_reader.cc)
  target_include_directories(reader_fuzzer PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
  target_link_libraries(reader_fuzzer PRIVATE mla_analyser)
  target_compile_definitions(reader_fuzzer PRIVATE MLA_LIBFUZZER)
  target_compile_options(reader_fuzzer PRIVATE -fsanitize=fuzzer)
  target_link_options(reader_fuzzer PRIVATE -fsanitize=fuzzer)
endif()
