find_package(nlohmann_json REQUIRED)
add_executable(diff_tests ${CMAKE_CURRENT_LIST_DIR}/diff_test.cc)
target_include_directories(diff_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(diff_tests PRIVATE mla_analyser nlohmann_json::nlohmann_json
                      GTest::gtest_main)
target_compile_definitions(diff_tests PRIVATE
  MLA_DIFF_SCHEMA="${CMAKE_CURRENT_LIST_DIR}/../../docs/schema/diff-v1.json")
gtest_discover_tests(diff_tests PROPERTIES LABELS unit)
