# Whole programs under what happens rarely, often and at once: loading, forking, signals, kills.
# Each comes in two extents: short, and whole, which takes minutes.
if(MLA_SANITIZE OR NOT TARGET mla OR NOT TARGET mla_preload)
  return()
endif()
set(MLA_STORMS ${CMAKE_CURRENT_LIST_DIR})

mla_program(loading_storm ${MLA_STORMS}/programs/loading_storm.cc)
target_link_libraries(loading_storm PRIVATE ${CMAKE_DL_LIBS})
foreach(number RANGE 1 50)
  configure_file(${MLA_STORMS}/programs/plugin.c.in storm_plugin_${number}.c @ONLY)
  add_library(storm_plugin_${number} MODULE ${CMAKE_CURRENT_BINARY_DIR}/storm_plugin_${number}.c)
  target_compile_options(storm_plugin_${number} PRIVATE -g -O1 -fno-builtin)
  set_target_properties(storm_plugin_${number} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${MLA_PROGRAMS}/storm_plugins)
endforeach()

foreach(name forking killed loading)
  foreach(extent short whole)
    mla_program_test(storms ${name}_${extent} ${MLA_STORMS}/${name}_test.py ${extent})
  endforeach()
  set_tests_properties(storms.${name}_whole PROPERTIES LABELS "storms;long" TIMEOUT 5400)
endforeach()
