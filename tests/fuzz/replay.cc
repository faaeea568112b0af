// A fuzzer without libFuzzer: gives it the files of directories, each as it is and with bytes
// changed, cut off and put in at fixed pseudo-random places.
//
//   NAME_replay FILE|DIRECTORY...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Called by fuzzers that make inputs of their own form; here only ever named.
extern "C" size_t LLVMFuzzerMutate(uint8_t* /*data*/, size_t size, size_t /*max_size*/) {
  return size;
}

namespace {

constexpr int kChangedRounds = 600;  // in all, of all files
constexpr size_t kMostChanges = 12;

void run(const std::string& bytes) {
  // A copy of exactly this size: what reads beyond it is seen by AddressSanitizer.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string changed(std::string bytes, std::mt19937& random) {
  const size_t changes = 1 + random() % kMostChanges;
  for (size_t i = 0; i < changes && !bytes.empty(); ++i) {
    bytes[random() % bytes.size()] = static_cast<char>(random() >> random() % 32);
  }
  if (random() % 8 == 0) bytes.resize(random() % (bytes.size() + 1));
  if (random() % 8 == 0) bytes.insert(random() % (bytes.size() + 1), 1 + random() % 9, '\xff');
  return bytes;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "replay: no files given\n");
    return 2;
  }
  std::sort(files.begin(), files.end());
  std::mt19937 random(7);
  const int rounds = 1 + kChangedRounds / static_cast<int>(files.size());
  run("");
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file) throw std::filesystem::filesystem_error("unreadable", path, {});
    run(bytes);
    for (int round = 0; round < rounds; ++round) run(changed(bytes, random));
  }
  std::printf("%zu files, each also in %d changed forms\n", files.size(), rounds);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "replay: %s\n", error.what());
  return 1;
}
