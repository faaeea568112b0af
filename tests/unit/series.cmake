find_package(nlohmann_json REQUIRED)
add_executable(series_tests
  ${CMAKE_CURRENT_LIST_DIR}/series_file_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/series_founding_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/series_growth_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/series_scenes_test.cc)
target_link_libraries(series_tests PRIVATE mla_analyser nlohmann_json::nlohmann_json
                      GTest::gtest_main)
target_compile_definitions(series_tests PRIVATE
  MLA_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
gtest_discover_tests(series_tests PROPERTIES LABELS unit)
