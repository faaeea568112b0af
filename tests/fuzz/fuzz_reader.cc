// Any bytes given to the reader: an Error or a consistent Snapshot, and reports of it; no crash.
//
// Built with Clang it is a libFuzzer program:   reader_fuzzer CORPUS_DIRECTORY
// Built with any compiler it replays files:     reader_replay FILE...; without files its own seeds,
// as they are and with bytes changed at fixed pseudo-random places.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>

#include "reader/error.h"
#include "reader/reader.h"
#include "report/folded.h"
#include "report/json.h"
#include "report/text.h"
#include "support/segment_builder.h"

namespace {

using mla::test::SegmentBuilder;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_and_report(const std::string& path) {
  try {
    mla::Snapshot snapshot = mla::read_snapshot(path);
    for (size_t i = 1; i < snapshot.nodes.size(); ++i) {
      require(snapshot.nodes[i].parent < i);
      require(snapshot.nodes[i].module < snapshot.modules.size());
      require(snapshot.nodes[i].code < snapshot.python_codes.size());
    }
    // The files a fuzzed recording names are this machine's, and not what is tested here.
    for (mla::ModuleInfo& module : snapshot.modules) module.path = "relative";
    mla::Symbolizer symbolizer(snapshot);
    std::ostringstream out;
    mla::write_text(out, snapshot, symbolizer, {});
    mla::TextOptions by_line;
    by_line.by = mla::Grouping::kLine;
    mla::write_text(out, snapshot, symbolizer, by_line);
    mla::write_json(out, snapshot, symbolizer);
    mla::write_folded(out, snapshot, symbolizer, mla::StackValue::kLive);
  } catch (const mla::Error& error) {
    require(*error.what() != '\0');
  }
}

// A file of these bytes, in memory.
void run(const uint8_t* data, size_t size) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0);
  require(write(fd, data, size) == static_cast<ssize_t>(size));
  read_and_report("/proc/self/fd/" + std::to_string(fd));
  close(fd);
}

std::string seed() {
  SegmentBuilder builder;
  const uint32_t module = builder.module("/usr/lib/x.so", 0x400000, 0x500000, 0x400000, "abcdef");
  for (uint32_t i = 0; i < 20; ++i) {
    const uint32_t node = builder.node(builder.node(0, 0x401000 + i, module), 0x402000, module);
    const uint32_t site = builder.site(node);
    builder.counter(site, 10, 1000 + i, 1, 100);
    const auto lines = static_cast<mla::format::PythonLines>(1 + i % 5);
    const uint32_t code = builder.python_code("/a/b.py", "f", i, lines, "\x80\x04\xf0\x01\x02");
    const auto pc = mla::format::make_python_pc(mla::format::PythonCodeId{code}, i, i % 3 == 0);
    builder.record<mla::format::SiteRecord>(mla::format::Table::kSites, site).python =
        builder.node(node, pc);
    builder.inherited(site).live_bytes = 5;
    builder.history(i % 4, 1000 * (i % 4 + 1), site, uint64_t{10} * i);
    builder.peak(1, 1000, 500, site, i, 1);
  }
  builder.thread(1, "main");
  for (uint32_t i = 0; i < 50; ++i) builder.tick(i, 1000 * (i + 1), 1 << 20, 1 << 19);
  return builder.bytes();
}

}  // namespace

#ifdef MLA_LIBFUZZER

// Random bytes would never get past the magic: most inputs are changed copies of a recording. The
// input is a list of (offset, value) of 8 bytes each; an input that begins with the magic is a
// file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kSeed = seed();
  uint64_t magic = 0;
  if (size >= sizeof magic) std::memcpy(&magic, data, sizeof magic);
  if (magic == mla::format::kMagic) {
    run(data, size);
    return 0;
  }
  std::string bytes = kSeed;
  for (size_t at = 0; at + 8 <= size; at += 8) {
    uint32_t offset = 0;
    std::memcpy(&offset, data + at, sizeof offset);
    offset %= bytes.size() - 4;
    std::memcpy(&bytes[offset], data + at + 4, 4);
  }
  run(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return 0;
}

#else

int main(int argc, char** argv) {
  const auto run_text = [](const std::string& bytes) {
    run(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  };
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    run_text({std::istreambuf_iterator<char>(file), {}});
  }
  if (argc > 1) return 0;
  const std::string bytes = seed();
  run_text(bytes);
  run_text("");
  run_text("\177ELF");
  std::mt19937 random(7);
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    std::string changed = bytes;
    const size_t changes = 1 + random() % 40;
    for (size_t i = 0; i < changes; ++i) {
      const size_t at = (random() % (changed.size() / 4)) * 4;
      const uint32_t value = random() >> random() % 32;
      if (at >= 24) std::memcpy(&changed[at], &value, sizeof value);
    }
    if (round % 10 == 0) changed.resize(random() % changed.size());
    run_text(changed);
  }
  std::printf("%d changed recordings read\n", kRounds);
  return 0;
}

#endif
