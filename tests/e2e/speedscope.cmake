# speedscope, which imports what mla exports for it; installed into the build directory.
if(MLA_HTML AND TARGET mla AND TARGET mla_preload AND NOT MLA_SANITIZE)
  set(speedscope_source ${CMAKE_CURRENT_LIST_DIR}/speedscope)
  set(speedscope ${CMAKE_BINARY_DIR}/tests/speedscope)
  add_custom_command(
    OUTPUT ${speedscope}/modules.stamp
    DEPENDS ${speedscope_source}/package.json ${speedscope_source}/package-lock.json
    COMMAND ${PROJECT_SOURCE_DIR}/tools/web/install.sh ${MLA_NPM} ${speedscope_source} ${speedscope}
    COMMAND ${CMAKE_COMMAND} -E touch ${speedscope}/modules.stamp
    COMMENT "Installing speedscope for the tests"
    VERBATIM)
  add_custom_target(test_speedscope ALL DEPENDS ${speedscope}/modules.stamp)
  add_test(NAME e2e_speedscope
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/speedscope_test.py)
  set(variables "MLA_BIN=$<TARGET_FILE:mla>" "MLA_LIB=${mla_library}"
      "MLA_PROGRAMS=${mla_programs}" "MLA_SPEEDSCOPE=${speedscope}")
  set_tests_properties(e2e_speedscope PROPERTIES LABELS e2e ENVIRONMENT "${variables}")
endif()
