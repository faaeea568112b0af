# The leak verdict on labelled series. score_verdict prints the table of docs/verdict.md.
add_library(verdict_families STATIC
  ${CMAKE_CURRENT_LIST_DIR}/families.cc
  ${CMAKE_CURRENT_LIST_DIR}/score.cc)
target_include_directories(verdict_families PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(verdict_families PUBLIC mla_analyser)

add_executable(score_verdict ${CMAKE_CURRENT_LIST_DIR}/score_verdict.cc)
target_link_libraries(score_verdict PRIVATE verdict_families)

add_executable(verdict_tests
  ${CMAKE_CURRENT_LIST_DIR}/busy_window_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/process_verdict_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressed_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressions_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/verdict_test.cc)

target_include_directories(verdict_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(verdict_tests PRIVATE verdict_families GTest::gtest_main)
gtest_discover_tests(verdict_tests PROPERTIES LABELS unit)
