# Micro-benchmarks of the hot path, compiled from the preload's own sources (its hooks left out, for
# they would take this program's malloc), and a smoke run of tools/bench. Nothing timed is asserted.
find_package(benchmark REQUIRED)
find_path(LIBUNWIND_INCLUDE_DIR libunwind.h REQUIRED)

get_target_property(preload_sources mla_preload SOURCES)
list(FILTER preload_sources EXCLUDE REGEX "^hooks/")
list(TRANSFORM preload_sources PREPEND ${PROJECT_SOURCE_DIR}/preload/)
get_target_property(preload_options mla_preload COMPILE_OPTIONS)

add_executable(capture_bench
  ${CMAKE_CURRENT_LIST_DIR}/bench_main.cc
  ${CMAKE_CURRENT_LIST_DIR}/capture_bench.cc
  ${CMAKE_CURRENT_LIST_DIR}/tables_bench.cc
  ${preload_sources})
set_source_files_properties(${preload_sources} TARGET_DIRECTORY capture_bench PROPERTIES
  COMPILE_OPTIONS "${preload_options}")
# As hooks are compiled: they tell their caller's frame by their own frame pointer.
target_compile_options(capture_bench PRIVATE -O2 -fno-omit-frame-pointer
                       -fno-optimize-sibling-calls -fno-sanitize=all)
target_link_options(capture_bench PRIVATE -fno-sanitize=all)
target_include_directories(capture_bench PRIVATE ${LIBUNWIND_INCLUDE_DIR})
target_link_libraries(capture_bench PRIVATE mla_format benchmark::benchmark)

add_test(NAME bench.capture COMMAND capture_bench --benchmark_min_time=0.001)
add_test(NAME bench.quick COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tools/bench
         --build ${PROJECT_BINARY_DIR} --quick)
add_test(NAME bench.reports COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tools/bench
         --build ${PROJECT_BINARY_DIR} --rounds 1 --reports ls /)
set_tests_properties(bench.capture bench.quick bench.reports PROPERTIES LABELS bench)
set_tests_properties(bench.quick bench.reports PROPERTIES TIMEOUT 600)
