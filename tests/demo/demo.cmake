# The demo server alone, then what the demo shows: recorded, killed and reported on by mla.
add_test(NAME demo.server COMMAND Python3::Interpreter -B
         ${CMAKE_CURRENT_LIST_DIR}/demo_test.py ${PROJECT_SOURCE_DIR})

function(mla_demo name)
  add_test(NAME demo.${name} COMMAND Python3::Interpreter -B
           ${PROJECT_SOURCE_DIR}/tools/demo/demo.py --build ${PROJECT_BINARY_DIR} ${ARGN})
  set_tests_properties(demo.${name} PROPERTIES LABELS e2e TIMEOUT 300)
endfunction()

set_tests_properties(demo.server PROPERTIES LABELS e2e)
foreach(allocator ptmalloc2 jemalloc tcmalloc mimalloc)
  mla_demo(${allocator} --requests 300 --allocator ${allocator})
endforeach()
mla_demo(python --requests 300 --leak python)

# tools/soak, for a minute of each mode.
add_test(NAME demo.soak_rules COMMAND Python3::Interpreter -B
         ${CMAKE_CURRENT_LIST_DIR}/soak_test.py ${PROJECT_SOURCE_DIR})
set_tests_properties(demo.soak_rules PROPERTIES LABELS e2e TIMEOUT 60)
foreach(mode exact sampled)
  foreach(python frames objects)
    add_test(NAME demo.soak_${mode}_${python} COMMAND Python3::Interpreter -B
             ${PROJECT_SOURCE_DIR}/tools/soak --build ${PROJECT_BINARY_DIR} --mode ${mode}
             --python ${python})
    set_tests_properties(demo.soak_${mode}_${python} PROPERTIES LABELS "e2e;long" TIMEOUT 600)
  endforeach()
endforeach()
