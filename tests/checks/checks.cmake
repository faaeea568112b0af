# What can be checked without running mla: structure, style, the built library.
set(checks ${CMAKE_CURRENT_SOURCE_DIR}/checks)

function(mla_check name)
  add_test(NAME checks.${name} COMMAND Python3::Interpreter -B ${ARGN})
  set_tests_properties(checks.${name} PROPERTIES LABELS checks)
endfunction()

mla_check(include_order ${checks}/include_order.py ${PROJECT_SOURCE_DIR})
mla_check(preload_bans ${checks}/preload_bans.py ${PROJECT_SOURCE_DIR})
mla_check(text ${checks}/text.py ${PROJECT_SOURCE_DIR})
mla_check(formatted ${checks}/formatted.py ${PROJECT_SOURCE_DIR})
mla_check(tidy ${checks}/tidy.py ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
mla_check(install ${checks}/install_test.py ${PROJECT_BINARY_DIR} ${PROJECT_VERSION}
          ${CMAKE_INSTALL_LIBDIR})
mla_check(library_audit ${checks}/library_audit.py $<TARGET_FILE:mla_preload>
          ${checks}/exports.txt ${checks}/imports.txt)
mla_check(aarch64 ${checks}/aarch64.py ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(checks.aarch64 PROPERTIES SKIP_RETURN_CODE 77)
# That each of them finds what it is there to find.
mla_check(checks_test ${checks}/checks_test.py)
mla_check(dev ${checks}/dev_test.py ${PROJECT_SOURCE_DIR})
set_tests_properties(checks.checks_test PROPERTIES ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER}")
set_tests_properties(checks.tidy PROPERTIES TIMEOUT 1800 PROCESSORS 2)

# Built apart, and only by the long run. The filters of these presets leave the checks out.
if(NOT MLA_SANITIZE)
  foreach(preset asan tsan)
    add_test(NAME checks.${preset} COMMAND ${CMAKE_COMMAND} --workflow --preset ${preset}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(checks.${preset} PROPERTIES LABELS "checks;long" TIMEOUT 1800
                         PROCESSORS 2)
  endforeach()
endif()
