# Real programs under mla (tools/zoo): a few of them, all of them, and that findings are found.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
add_test(NAME zoo.quick COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tools/zoo
         --build ${PROJECT_BINARY_DIR} --quick)
add_test(NAME zoo.whole COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tools/zoo
         --build ${PROJECT_BINARY_DIR})
add_test(NAME zoo.findings
         COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_LIST_DIR}/findings_test.py
                 ${PROJECT_SOURCE_DIR}/tools $<TARGET_FILE:mla> $<TARGET_FILE:mla_preload>)
set_tests_properties(zoo.quick zoo.findings PROPERTIES LABELS zoo TIMEOUT 600)
set_tests_properties(zoo.whole PROPERTIES LABELS "zoo;long" TIMEOUT 14400)
