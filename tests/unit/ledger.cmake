add_executable(ledger_tests
  ${CMAKE_CURRENT_LIST_DIR}/ledger_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/ledger_reader_test.cc)
target_include_directories(ledger_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(ledger_tests PRIVATE mla_analyser GTest::gtest_main)
gtest_discover_tests(ledger_tests PROPERTIES LABELS unit)
