list(APPEND MLA_ANALYSER_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/assessment.cc
  ${CMAKE_CURRENT_LIST_DIR}/autocorrelation.cc
  ${CMAKE_CURRENT_LIST_DIR}/bins.cc
  ${CMAKE_CURRENT_LIST_DIR}/busy_window.cc
  ${CMAKE_CURRENT_LIST_DIR}/cycle.cc
  ${CMAKE_CURRENT_LIST_DIR}/growth_tests.cc
  ${CMAKE_CURRENT_LIST_DIR}/models.cc
  ${CMAKE_CURRENT_LIST_DIR}/off_times.cc
  ${CMAKE_CURRENT_LIST_DIR}/process_verdict.cc
  ${CMAKE_CURRENT_LIST_DIR}/site_rule.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressed.cc
  ${CMAKE_CURRENT_LIST_DIR}/suppressions.cc
  ${CMAKE_CURRENT_LIST_DIR}/verdict.cc)
