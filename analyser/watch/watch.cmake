# The history, the watcher over it and what it sends: apart, so that nothing else needs SQLite and
# curl.
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(Threads REQUIRED)
add_library(mla_watch STATIC
  history/database.cc
  history/steady_time.cc
  history/store.cc
  history/store_rows.cc
  history/store_upkeep.cc
  notify/curl_library.cc
  notify/http.cc
  notify/message.cc
  notify/outbox.cc
  notify/secret.cc
  notify/target.cc
  notify/transport.cc
  push/push_request.cc
  watch/compared.cc
  watch/rss_verdict.cc
  watch/system_clock.cc
  watch/watcher.cc
  watch/watcher_history.cc
  watch/window.cc)
target_link_libraries(mla_watch
  PUBLIC mla_analyser
  PRIVATE nlohmann_json::nlohmann_json SQLite::SQLite3 Threads::Threads
  ${CMAKE_DL_LIBS})
# Its headers alone: notify/curl_library.h loads it.
target_include_directories(mla_watch PRIVATE ${CURL_INCLUDE_DIRS})
