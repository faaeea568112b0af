# Fuzzers. Each is a function of any bytes; what was found once, and what reaches furthest, is kept
# in corpus/NAME. The replay of it runs in every build; the fuzzers themselves need Clang and an
# analyser built for them: tools/fuzz.
find_package(ZLIB REQUIRED)

# mla_fuzz(name source...): fuzz_name.cc with these sources and libraries.
function(mla_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(programs ${name}_replay)
  add_executable(${name}_replay ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/replay.cc)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang AND MLA_SANITIZE MATCHES fuzzer)
    list(APPEND programs ${name}_fuzzer)
    add_executable(${name}_fuzzer)
    target_compile_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
    target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  endif()
  foreach(program ${programs})
    target_sources(${program} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fuzz_${name}.cc
                   ${arg_SOURCES})
    target_include_directories(${program} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/..)
    target_link_libraries(${program} PRIVATE ${arg_LIBRARIES})
    target_compile_definitions(${program} PRIVATE
      MLA_FUZZ_DATA="${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
  endforeach()
  add_test(NAME fuzz.${name} COMMAND ${name}_replay
           ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()

mla_fuzz(core LIBRARIES mla_analyser)
mla_fuzz(demangle LIBRARIES mla_analyser)
mla_fuzz(python_lines LIBRARIES mla_analyser)
mla_fuzz(reader LIBRARIES mla_analyser ZLIB::ZLIB)
mla_fuzz(series LIBRARIES mla_analyser)
mla_fuzz(suppressions LIBRARIES mla_analyser)
mla_fuzz(symbols LIBRARIES mla_analyser)

# Of the preload, what reads the files of the program it is in.
set(preload ${PROJECT_SOURCE_DIR}/preload)
mla_fuzz(loaded_elf
  SOURCES ${preload}/capture/cfi.cc ${preload}/hooks/elf_symbols.cc
          ${preload}/segment/control.cc ${preload}/segment/loaded_image.cc
          ${preload}/segment/memory_map.cc ${preload}/segment/module_log.cc
          ${preload}/segment/own_memory.cc ${preload}/segment/segment.cc
  LIBRARIES mla_format ${CMAKE_DL_LIBS})

# Built apart, for seconds of each; and what is made of how a fuzzer ends.
if(NOT MLA_SANITIZE)
  add_test(NAME fuzz.endings COMMAND Python3::Interpreter -B
           ${CMAKE_CURRENT_LIST_DIR}/fuzz_test.py ${PROJECT_SOURCE_DIR})
  set_tests_properties(fuzz.endings PROPERTIES LABELS fuzz TIMEOUT 60)
  add_test(NAME fuzz.short_run COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tools/fuzz)
  set_tests_properties(fuzz.short_run PROPERTIES LABELS fuzz TIMEOUT 3000 PROCESSORS 2
                       SKIP_RETURN_CODE 77)
endif()
if(COMMAND mla_program_test)
  # The kernel leaves gaps between the parts of such a program, where others may be mapped.
  foreach(name workload own_malloc)
    file(GLOB source ${CMAKE_CURRENT_LIST_DIR}/../host_safety/programs/${name}.c*)
    mla_program(${name}_with_gaps ${source})
    target_link_options(${name}_with_gaps PRIVATE -no-pie -Wl,-z,separate-code
                        -Wl,-z,max-page-size=0x200000)
  endforeach()
  mla_program_test(fuzz damaged_libraries ${CMAKE_CURRENT_LIST_DIR}/damaged_test.py)
endif()
