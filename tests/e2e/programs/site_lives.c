// A call site that leaks among those that do not: start-up, a cache that fills once, an LRU cache,
// sessions, garbage. Arguments: seconds, microseconds of sleep between two requests, and what to do
// at the end: "exit", "kill" (itself, by SIGKILL) or "fork" (the same once more, in a child).
// On a loaded machine it takes longer: the LRU cache has to turn over many times.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SITE __attribute__((noinline)) void

static void* kept[5000];
static void* filled[100];
static unsigned filled_count;
static void* recent[200];
static unsigned recent_at;
static void* session[64];
static void* volatile lost;
static const unsigned kLeastRequests = 4000;

static SITE start_up(void) {
  for (unsigned i = 0; i < 5000; ++i) kept[i] = malloc(100);
}
static SITE fill_cache(void) {
  if (filled_count < 100) filled[filled_count++] = malloc(300);
}
static SITE put_recent(void) {
  free(recent[recent_at]);
  recent[recent_at] = malloc(500);
  recent_at = (recent_at + 1) % 200;
}
static SITE change_session(void) {
  const int i = rand() % 64;
  free(session[i]);
  session[i] = rand() % 2 != 0 ? malloc(1000) : NULL;
}
static SITE serve(void) {
  void* block[20];
  for (unsigned i = 0; i < 20; ++i) block[i] = malloc(50 + i * 10);
  for (unsigned i = 0; i < 20; ++i) free(block[i]);
}
static SITE leak_one(void) { lost = malloc(76); }

static void work(double seconds, useconds_t pause) {
  struct timespec begin;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (unsigned request = 0;; ++request) {
    serve();
    fill_cache();
    put_recent();
    change_session();
    if (request % 10 == 0) leak_one();
    if (pause != 0) usleep(pause);
    if (request < kLeastRequests) continue;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9 > seconds)
      return;
  }
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const double seconds = atof(argv[1]);
  const useconds_t pause = (useconds_t)atoi(argv[2]);
  start_up();
  work(seconds, pause);
  if (strcmp(argv[3], "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(argv[3], "fork") == 0) {
    const pid_t child = fork();
    if (child == 0) {
      work(seconds, pause);
      exit(0);
    }
    waitpid(child, NULL, 0);
  }
  return 0;
}
