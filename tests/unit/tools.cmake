# What of the commands knows neither process nor terminal; of mla top see top.cmake.
set(mla_tools ${CMAKE_CURRENT_LIST_DIR}/../../tools)
add_executable(tools_tests
  ${CMAKE_CURRENT_LIST_DIR}/tools_identity_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/tools_leaks_hint_test.cc
  ${mla_tools}/leaks_hint.cc
  ${mla_tools}/watching/identity.cc)
target_include_directories(tools_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/.. ${mla_tools})
target_link_libraries(tools_tests PRIVATE mla_analyser GTest::gtest_main)
gtest_discover_tests(tools_tests PROPERTIES LABELS unit)
