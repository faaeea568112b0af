// Any bytes given to the parser of suppressions: an Error or patterns, which match any name or not.
//
// Built with Clang it is a libFuzzer program:   suppressions_fuzzer CORPUS_DIRECTORY
// Built with any compiler it replays files:     suppressions_replay FILE...; without files its own
// seeds, as they are and with bytes changed at fixed pseudo-random places.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "reader/error.h"
#include "verdict/suppressions.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void run(std::string_view text) {
  try {
    for (const mla::Suppression& one : mla::parse_suppressions(text, "fuzz")) {
      require(!one.pattern.empty() && one.line > 0);
      mla::suppression_matches(one.pattern, text);
      require(!mla::suppression_matches(one.pattern, ""));
      const bool plain = one.pattern.find_first_of("*^$") == std::string::npos;
      require(!plain || mla::suppression_matches(one.pattern, "a" + one.pattern + "b"));
    }
  } catch (const mla::Error& error) {
    require(*error.what() != '\0');
  }
}

}  // namespace

#ifdef MLA_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}

#else

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    run(std::string{std::istreambuf_iterator<char>(file), {}});
  }
  if (argc > 1) return 0;
  const std::string seed =
      "# known\r\nleak:jv_*msg$\n\n leak:^main\nleak:a**b*c\nleak:f(int)\nleak:x$";
  run(seed);
  run("");
  std::mt19937 random(7);
  constexpr int kRounds = 20000;
  for (int round = 0; round < kRounds; ++round) {
    std::string changed = seed;
    const size_t changes = 1 + random() % 6;
    for (size_t i = 0; i < changes; ++i) {
      constexpr std::string_view kSpecial = "*^$#:\n\0la";
      changed[random() % changed.size()] = kSpecial[random() % kSpecial.size()];
    }
    if (round % 10 == 0) changed.resize(random() % changed.size());
    run(changed);
  }
  std::printf("%d changed files read\n", kRounds);
  return 0;
}

#endif
