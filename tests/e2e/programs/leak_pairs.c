// Leaks of glibc in a loop, each with a twin that does the same and leaks nothing:
// leak_pairs setenv|setenv_same|regcomp|regcomp_freed ITERATIONS.
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Real programs do more than leak.
static volatile char sink;

static void work(long i) {
  for (long j = 0; j < 100; ++j) {
    char* block = malloc(2000 + (i + j) % 1000);
    memset(block, (int)i, 2000);
    sink = block[i % 2000];
    free(block);
  }
}

// glibc keeps every value a variable ever had.
static void set_variable(long value) {
  char text[40];
  snprintf(text, sizeof text, "%033ld", value);
  setenv("LEAKS", text, 1);
}

static void compile_expression(int freed) {
  regex_t expression;
  if (regcomp(&expression, "abc", REG_EXTENDED) != 0) abort();
  if (freed) regfree(&expression);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* what = argv[1];
  const long iterations = atol(argv[2]);
  for (long i = 0; i < iterations; ++i) {
    work(i);
    if (strcmp(what, "setenv") == 0) {
      set_variable(i);
    } else if (strcmp(what, "setenv_same") == 0) {
      set_variable(0);
    } else if (strcmp(what, "regcomp") == 0) {
      compile_expression(0);
    } else if (strcmp(what, "regcomp_freed") == 0) {
      compile_expression(1);
    } else {
      return 2;
    }
  }
  return 0;
}
