# The fixture is compiled the same way in every preset: the tests know what was inlined in it.
add_library(symbols_fixture SHARED ${CMAKE_CURRENT_LIST_DIR}/fixture/symbols_fixture.cc)
target_compile_options(symbols_fixture PRIVATE -g -O2 -fno-sanitize=all)
target_link_options(symbols_fixture PRIVATE -Wl,--build-id -fno-sanitize=all)
set(MLA_FIXTURES ${CMAKE_CURRENT_BINARY_DIR}/symbols_fixture)
set(fixture $<TARGET_FILE:symbols_fixture>)
add_custom_command(TARGET symbols_fixture POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E make_directory ${MLA_FIXTURES}
  COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${fixture} ${MLA_FIXTURES}/fixture.debug
  COMMAND ${CMAKE_OBJCOPY} --strip-all ${fixture} ${MLA_FIXTURES}/stripped.so
  COMMAND ${CMAKE_COMMAND} -E chdir ${MLA_FIXTURES}
          ${CMAKE_OBJCOPY} --strip-all --add-gnu-debuglink=fixture.debug ${fixture} linked.so
  COMMAND ${CMAKE_OBJCOPY} --strip-debug ${fixture} ${MLA_FIXTURES}/nodebug.so
  VERBATIM)

add_executable(analyser_tests
  ${CMAKE_CURRENT_LIST_DIR}/analyser_exports_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_python_lines_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_python_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_reader_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_refusal_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_regular_file_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_report_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_status_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_stacks_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_symbol_batch_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/analyser_symbols_test.cc)
find_package(nlohmann_json REQUIRED)
target_include_directories(analyser_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_include_directories(analyser_tests SYSTEM PRIVATE ${MLA_PROTOZERO})
target_link_libraries(analyser_tests PRIVATE mla_analyser nlohmann_json::nlohmann_json
                      GTest::gtest_main)
target_compile_definitions(analyser_tests PRIVATE
  MLA_FIXTURE="${fixture}"
  MLA_FIXTURES="${MLA_FIXTURES}"
  MLA_REPORT_SCHEMA="${CMAKE_CURRENT_LIST_DIR}/../../docs/schema/report-v1.json")
add_dependencies(analyser_tests symbols_fixture)
gtest_discover_tests(analyser_tests PROPERTIES LABELS unit)
