# What of mla top knows neither process nor terminal.
set(mla_top ${CMAKE_CURRENT_LIST_DIR}/../../tools/top)
add_executable(top_tests
  ${CMAKE_CURRENT_LIST_DIR}/top_list_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/top_view_test.cc
  ${mla_top}/columns.cc
  ${mla_top}/graphics.cc
  ${mla_top}/growth_log.cc
  ${mla_top}/recording_view.cc
  ${mla_top}/site_list.cc
  ${mla_top}/workers_view.cc)
target_include_directories(top_tests PRIVATE ${mla_top}/..)
target_link_libraries(top_tests PRIVATE mla_analyser GTest::gtest_main)
gtest_discover_tests(top_tests PROPERTIES LABELS unit)
