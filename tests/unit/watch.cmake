find_package(nlohmann_json REQUIRED)
add_executable(watch_tests
  ${CMAKE_CURRENT_LIST_DIR}/watch_history_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/watch_notify_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/watch_two_days_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/watch_watcher_test.cc)
target_include_directories(watch_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(watch_tests PRIVATE mla_watch nlohmann_json::nlohmann_json
                      GTest::gtest_main)
target_compile_definitions(watch_tests PRIVATE
  MLA_NOTIFICATION_SCHEMA="${CMAKE_CURRENT_LIST_DIR}/../../docs/schema/notification-v1.json")
gtest_discover_tests(watch_tests PROPERTIES LABELS unit)
