find_package(nlohmann_json REQUIRED)
add_executable(comparison_tests
  ${CMAKE_CURRENT_LIST_DIR}/comparison_compare_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/comparison_interval_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/comparison_report_test.cc)
target_include_directories(comparison_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(comparison_tests PRIVATE mla_analyser nlohmann_json::nlohmann_json
                      GTest::gtest_main)
target_compile_definitions(comparison_tests PRIVATE
  MLA_BENCH_SCHEMA="${CMAKE_CURRENT_LIST_DIR}/../../docs/schema/bench-v1.json")
gtest_discover_tests(comparison_tests PROPERTIES LABELS unit)
