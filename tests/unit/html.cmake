add_executable(analyser_html_tests ${CMAKE_CURRENT_LIST_DIR}/analyser_html_test.cc)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
target_link_libraries(analyser_html_tests PRIVATE mla_analyser nlohmann_json::nlohmann_json
                      ZLIB::ZLIB GTest::gtest_main)
gtest_discover_tests(analyser_html_tests PROPERTIES LABELS unit)
