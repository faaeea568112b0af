set(mla_library $<$<TARGET_EXISTS:mla_preload>:$<TARGET_FILE:mla_preload>>)
foreach(part usage run store analyse docs)
  add_test(NAME e2e_cli_${part}
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cli_${part}.py)
  set_tests_properties(e2e_cli_${part} PROPERTIES
    LABELS e2e
    ENVIRONMENT "MLA_BIN=$<TARGET_FILE:mla>;MLA_LIB=${mla_library}")
endforeach()
