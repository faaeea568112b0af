list(APPEND MLA_ANALYSER_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/founding.cc
  ${CMAKE_CURRENT_LIST_DIR}/founding_text.cc
  ${CMAKE_CURRENT_LIST_DIR}/growth.cc
  ${CMAKE_CURRENT_LIST_DIR}/least_squares.cc
  ${CMAKE_CURRENT_LIST_DIR}/series_file.cc)
