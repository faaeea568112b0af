# The parts of libmla.so that need no host, compiled into the test: also with sanitizers, which the
# library itself never has.
set(preload ${PROJECT_SOURCE_DIR}/preload)
add_executable(preload_tests
  ${CMAKE_CURRENT_LIST_DIR}/preload_cohorts_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_counters_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_elf_symbols_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_id_index_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_ledger_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_live_map_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_loaded_image_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_mappings_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_own_memory_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_python_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_reentry_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_rule_cache_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_sample_table_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_sampler_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_sampling_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_segment_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_settings_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_stack_trie_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/preload_timeline_test.cc
  ${preload}/capture/cfi.cc
  ${preload}/capture/cohort_table.cc
  ${preload}/capture/heap_pages.cc
  ${preload}/capture/live_map.cc
  ${preload}/capture/mappings.cc
  ${preload}/capture/peak.cc
  ${preload}/capture/rule_cache.cc
  ${preload}/capture/sample_table.cc
  ${preload}/capture/sampler.cc
  ${preload}/capture/sampling.cc
  ${preload}/capture/shard.cc
  ${preload}/capture/sites.cc
  ${preload}/capture/stack_trie.cc
  ${preload}/hooks/elf_symbols.cc
  ${preload}/python/text.cc
  ${preload}/segment/control.cc
  ${preload}/segment/loaded_image.cc
  ${preload}/segment/memory_map.cc
  ${preload}/segment/module_log.cc
  ${preload}/segment/own_memory.cc
  ${preload}/segment/segment.cc
  ${preload}/segment/settings.cc)
find_package(Threads REQUIRED)
target_include_directories(preload_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(preload_tests PRIVATE mla_format GTest::gtest_main Threads::Threads
                      ${CMAKE_DL_LIBS})
gtest_discover_tests(preload_tests PROPERTIES LABELS unit)
