if(MLA_HTML)
  foreach(page report diff bench)
    add_test(NAME e2e_html_${page}
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/html_${page}.py)
    set_tests_properties(e2e_html_${page} PROPERTIES
      LABELS e2e
      ENVIRONMENT
      "MLA_BIN=$<TARGET_FILE:mla>;MLA_LIB=${mla_library};MLA_PROGRAMS=${mla_programs}")
  endforeach()
  # The types of the front end, which the bundler does not look at.
  add_test(NAME web_types
           COMMAND ${PROJECT_BINARY_DIR}/tools/web/node_modules/.bin/tsc
                   --project ${PROJECT_BINARY_DIR}/tools/web/tsconfig.json)
  set_tests_properties(web_types PROPERTIES LABELS checks)
endif()
