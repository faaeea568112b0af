// Any bytes given to the reader: an Error or a consistent Snapshot, and reports of it; no crash.
//
// Random bytes would never get past the magic: an input is a changed copy of a recording. Its first
// byte chooses the recording, of recordings/ or the one made here, and the kind of report; every 8
// bytes after it are a change: an offset in the file and the 4 bytes to put there. An offset beyond
// the file cuts it. An input that begins with the magic is a file.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/memory_file.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "report/folded.h"
#include "report/json.h"
#include "report/text.h"
#include "support/segment_builder.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using mla::format::SegmentHeader;
using mla::format::Table;
using mla::test::SegmentBuilder;

constexpr size_t kChangeBytes = 8;

// Most of the time goes into reports, most of what can be wrong is met before: of eight inputs four
// are only read and resolved.
constexpr unsigned kKinds = 8;

void report(unsigned which, const mla::Snapshot& snapshot) {
  mla::Symbolizer symbolizer(snapshot);
  std::ostringstream out;
  mla::TextOptions by_line;
  by_line.by = mla::Grouping::kLine;
  switch (which % kKinds) {
    case 0:
      return mla::write_text(out, snapshot, symbolizer, {});
    case 1:
      return mla::write_text(out, snapshot, symbolizer, by_line);
    case 2:
      return mla::write_json(out, snapshot, symbolizer);
    case 3:
      return mla::write_folded(out, snapshot, symbolizer, mla::StackValue::kLive);
    default:
      for (const mla::Site& site : snapshot.sites) symbolizer.stack_of(site);
  }
}

void read_and_report(const uint8_t* data, size_t size, unsigned which) {
  const mla::test::MemoryFile file(data, size);
  try {
    mla::Snapshot snapshot = mla::read_snapshot(file.path());
    for (size_t i = 1; i < snapshot.nodes.size(); ++i) {
      MLA_REQUIRE(snapshot.nodes[i].parent < i);
      MLA_REQUIRE(snapshot.nodes[i].module < snapshot.modules.size());
      MLA_REQUIRE(snapshot.nodes[i].code < snapshot.python_codes.size());
    }
    // The files a fuzzed recording names are this machine's, and not what is tested here.
    for (mla::ModuleInfo& module : snapshot.modules) module.path = "relative";
    report(which, snapshot);
  } catch (const mla::Error& error) {
    MLA_REQUIRE(*error.what() != '\0');
  }
}

std::string built() {
  SegmentBuilder builder;
  const uint32_t module = builder.module("/usr/lib/x.so", 0x400000, 0x500000, 0x400000, "abcdef");
  for (uint32_t i = 0; i < 20; ++i) {
    const uint32_t node = builder.node(builder.node(0, 0x401000 + i, module), 0x402000, module);
    const uint32_t site = builder.site(node);
    builder.counter(site, 10, 1000 + i, 1, 100);
    const auto lines = static_cast<mla::format::PythonLines>(1 + i % 5);
    const uint32_t code = builder.python_code("/a/b.py", "f", i, lines, "\x80\x04\xf0\x01\x02");
    const auto pc = mla::format::make_python_pc(mla::format::PythonCodeId{code}, i, i % 3 == 0);
    builder.record<mla::format::SiteRecord>(Table::kSites, site).python = builder.node(node, pc);
    builder.inherited(site).live_bytes = 5;
    builder.history(i % 4, 1000 * (i % 4 + 1), site, uint64_t{10} * i);
    builder.peak(1, 1000, 500, site, i, 1);
  }
  builder.thread(1, "main");
  for (uint32_t i = 0; i < 50; ++i) builder.tick(i, 1000 * (i + 1), 1 << 20, 1 << 19);
  return builder.bytes();
}

std::string unpacked(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  MLA_REQUIRE(file != nullptr);
  std::string bytes;
  char part[1 << 16];
  for (int n = 0; (n = gzread(file, part, sizeof part)) > 0;) {
    bytes.append(part, static_cast<size_t>(n));
  }
  gzclose(file);
  return bytes;
}

// Each is read without an error: those of another version of the format have to be made anew
// (tools/fuzz --record).
const std::vector<std::string>& recordings() {
  static const std::vector<std::string> kRecordings = [] {
    std::vector<std::string> all{built()};
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(MLA_FUZZ_DATA "/recordings")) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) all.push_back(unpacked(path));
    for (const std::string& bytes : all) {
      const mla::test::MemoryFile file(reinterpret_cast<const uint8_t*>(bytes.data()),
                                       bytes.size());
      MLA_REQUIRE(!mla::read_snapshot(file.path()).sites.empty());
    }
    return all;
  }();
  return kRecordings;
}

template <class T>
T load(const std::string& bytes, size_t at) {
  T value{};
  if (at <= bytes.size() - sizeof value) std::memcpy(&value, &bytes[at], sizeof value);
  return value;
}

// Makes changes that mean something: numbers in the header, the directory and the records in use,
// which become a little or very different, or those of another place.
class Mutator {
 public:
  Mutator(const std::string& bytes, unsigned seed) : bytes_(bytes), random_(seed) {}

  void make_change(uint8_t* to) {
    const auto offset = static_cast<uint32_t>(place() & ~size_t{3});
    const uint32_t value = new_value(load<uint32_t>(bytes_, offset));
    std::memcpy(to, &offset, sizeof offset);
    std::memcpy(to + sizeof offset, &value, sizeof value);
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  size_t place() {
    constexpr size_t kDirectoryAt = offsetof(SegmentHeader, directory);
    switch (below(8)) {
      case 0:
        return below(kDirectoryAt);
      case 1:
        return kDirectoryAt + below(sizeof(SegmentHeader) - kDirectoryAt);
      case 2:
        return below(bytes_.size());
      case 3:
        return bytes_.size() < UINT32_MAX / 2 ? below(bytes_.size() * 2) : 0;
      default:
        return place_in_table();
    }
  }

  size_t place_in_table() {
    for (int tries = 0; tries < 16; ++tries) {
      const size_t table = below(mla::format::kTableCount);
      const auto claimed =
          load<uint64_t>(bytes_, offsetof(SegmentHeader, claimed) + table * sizeof(uint64_t));
      const mla::format::TableShape& shape = mla::format::shape(static_cast<Table>(table));
      const size_t i = below(claimed);
      const auto block = load<uint32_t>(
          bytes_, offsetof(SegmentHeader, directory) +
                      (shape.directory_index + i / shape.records_per_block) * sizeof(uint32_t));
      if (claimed == 0 || block == 0) continue;
      return block * size_t{mla::format::kBlockBytes} +
             i % shape.records_per_block * shape.record_bytes + below(shape.record_bytes);
    }
    return 0;
  }

  uint32_t new_value(uint32_t old) {
    switch (below(8)) {
      case 0:
        return 0;
      case 1:
        return UINT32_MAX >> below(32);
      case 2:
        return static_cast<uint32_t>(random_());
      case 3:
        return load<uint32_t>(bytes_, below(bytes_.size() - 4));
      case 4:
        return old ^ 1U << below(32);
      case 5:
        return static_cast<uint32_t>(below(64));
      default:
        return old + static_cast<uint32_t>(below(17)) - 8;
    }
  }

  const std::string& bytes_;
  std::minstd_rand random_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    read_and_report(data, 0, 0);
    return 0;
  }
  uint64_t magic = 0;
  if (size >= sizeof magic) std::memcpy(&magic, data, sizeof magic);
  if (magic == mla::format::kMagic) {
    read_and_report(data, size, static_cast<unsigned>(size));
    return 0;
  }
  std::string bytes = recordings()[data[0] % recordings().size()];
  for (size_t at = 1; at + kChangeBytes <= size && bytes.size() >= 4; at += kChangeBytes) {
    uint32_t offset = 0;
    std::memcpy(&offset, data + at, sizeof offset);
    if (offset > bytes.size() - 4) {
      bytes.resize(offset % bytes.size());
      continue;
    }
    std::memcpy(&bytes[offset], data + at + sizeof offset, 4);
  }
  read_and_report(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                  data[0] / static_cast<unsigned>(recordings().size()));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::minstd_rand random(seed);
  if (size == 0 || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const size_t changes = (size - 1) / kChangeBytes;
  if (random() % 16 == 0) data[0] = static_cast<uint8_t>(random());
  Mutator mutator(recordings()[data[0] % recordings().size()], seed);
  size_t end = 1 + changes * kChangeBytes;
  for (auto n = 1 + random() % 4; n > 0; --n) {
    const bool room = end + kChangeBytes <= max_size;
    const size_t at = 1 + random() % std::max<size_t>(changes, 1) * kChangeBytes;
    const auto kind = random() % 4;
    if (room && (changes == 0 || kind < 2)) {
      mutator.make_change(data + end);
      end += kChangeBytes;
    } else if (changes > 0 && kind == 2) {
      mutator.make_change(data + at);
    } else if (end > 1 + kChangeBytes) {
      end -= kChangeBytes;
      std::memmove(data + std::min(at, end), data + end, kChangeBytes);
    }
  }
  return end;
}
