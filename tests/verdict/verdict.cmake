# The leak verdict on labelled series and call sites. score_verdict and score_sites print the tables
# of docs/verdict.md.
add_library(verdict_families STATIC
  ${CMAKE_CURRENT_LIST_DIR}/families.cc
  ${CMAKE_CURRENT_LIST_DIR}/score.cc)
target_include_directories(verdict_families PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(verdict_families PUBLIC mla_analyser)

# The cohorts are counted by the code of libmla.so itself.
set(preload ${PROJECT_SOURCE_DIR}/preload)
add_library(site_families STATIC
  ${CMAKE_CURRENT_LIST_DIR}/site_families.cc
  ${preload}/capture/cohort_table.cc
  ${preload}/segment/own_memory.cc)
target_include_directories(site_families PUBLIC ${CMAKE_CURRENT_LIST_DIR} ${preload})
target_link_libraries(site_families PUBLIC mla_analyser)

add_executable(score_verdict ${CMAKE_CURRENT_LIST_DIR}/score_verdict.cc)
target_link_libraries(score_verdict PRIVATE verdict_families)
add_executable(score_sites ${CMAKE_CURRENT_LIST_DIR}/score_sites.cc)
target_link_libraries(score_sites PRIVATE site_families)

add_executable(verdict_tests
  ${CMAKE_CURRENT_LIST_DIR}/busy_window_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/off_times_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/process_verdict_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/site_rule_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressed_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressions_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/verdict_test.cc)

target_include_directories(verdict_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(verdict_tests PRIVATE verdict_families site_families GTest::gtest_main)
gtest_discover_tests(verdict_tests PROPERTIES LABELS unit)
