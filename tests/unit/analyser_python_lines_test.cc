// The line tables of one function, as compiled by CPython 2.7.18, 3.8.18, 3.9.18, 3.10.13, 3.11.7,
// 3.12.1 and 3.13.0, against the lines those say themselves (co_lines, dis.findlinestarts).
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "symbols/python_lines.h"

namespace mla {
namespace {

using format::PythonLines;

struct LineRun {
  uint64_t first;  // offsets in bytes of the first and the last instruction
  uint64_t last;
  uint32_t line;  // 0: none
};

struct Table {
  const char* version;
  PythonLines format;
  const char* hex;
  std::vector<LineRun> runs;
};

constexpr uint32_t kFirstLine = 3;

// clang-format off
const Table kTables[] = {
    {"2.7",
     PythonLines::kUnsignedLnotab,
     "000303010f030d010301090203010c980601",
     {{0, 2, 6}, {3, 17, 7}, {18, 30, 10}, {31, 33, 11}, {34, 42, 12}, {43, 45, 14},
      {46, 57, 15}, {58, 63, 167}, {64, 70, 168}}},
    {"3.8",
     PythonLines::kLnotab,
     "0003020106fe0405080102010c02020102ff087f001a060102ff",
     {{0, 0, 6}, {2, 6, 7}, {8, 10, 5}, {12, 18, 10}, {20, 20, 11}, {22, 32, 12},
      {34, 34, 14}, {36, 36, 15}, {38, 44, 14}, {46, 50, 167}, {52, 52, 168},
      {54, 56, 167}}},
    {"3.9",
     PythonLines::kLnotab,
     "0003020106fe0405080102010a02020102ff080102ff087f001a060102ff",
     {{0, 0, 6}, {2, 6, 7}, {8, 10, 5}, {12, 18, 10}, {20, 20, 11}, {22, 30, 12},
      {32, 32, 14}, {34, 34, 15}, {36, 42, 14}, {44, 44, 15}, {46, 52, 14},
      {54, 58, 167}, {60, 60, 168}, {62, 64, 167}}},
    {"3.10",
     PythonLines::kLinetable,
     "0203060104fe080502010a010202020108ff020106ff007f061a020104ff",
     {{0, 0, 6}, {2, 6, 7}, {8, 10, 5}, {12, 18, 10}, {20, 20, 11}, {22, 30, 12},
      {32, 32, 14}, {34, 34, 15}, {36, 42, 14}, {44, 44, 15}, {46, 50, 14},
      {52, 56, 167}, {58, 58, 168}, {60, 62, 167}}},
    {"3.11",
     PythonLines::kLocations,
     "8000f00600090add080b884189068c06f0050309068041f00a000e0ff000050514f0000505148801"
     "f002040914dd0c11902189488c488848e01112d81112f10301121388418841f89011d81112f10301"
     "12138841f000010d14f000010d14f000010d14f000010d14f07204010d0ef000010d0ef000010d0e"
     "d80f10f103010c12f400010c12f000010512",
     {{0, 0, 3}, {2, 2, 6}, {4, 30, 7}, {32, 34, 5}, {36, 42, 10}, {44, 44, 11},
      {46, 74, 12}, {76, 76, 14}, {78, 78, 15}, {80, 86, 14}, {88, 88, 0}, {90, 90, 14},
      {92, 92, 15}, {94, 106, 14}, {108, 112, 167}, {114, 114, 168}, {116, 130, 167}}},
    {"3.12",
     PythonLines::kLocations,
     "8000f00600090adc080b88418b06f0050309068041f00a000e0ff2000505148801f002040914dc0c"
     "1190218c48e01112d81112f1030112138941f009050514f27a04010d0ed80f10f303010c12f00001"
     "0512f8f07304001213d81112f1030112138941fa",
     {{0, 0, 3}, {2, 2, 6}, {4, 22, 7}, {24, 26, 5}, {28, 36, 10}, {38, 38, 11},
      {40, 60, 12}, {62, 62, 14}, {64, 64, 15}, {66, 72, 14}, {74, 74, 10},
      {76, 80, 167}, {82, 82, 168}, {84, 92, 167}, {94, 94, 0}, {96, 96, 14},
      {98, 98, 15}, {100, 106, 14}, {108, 112, 0}}},
    {"3.13",
     PythonLines::kLocations,
     "8000f00600090adc080b88418b06f0050309068041f30a000e0f8801f002040914dc0c1190218c48"
     "e01112d81112f1030112138a41f109000e0ff27a04010d0ed80f10f303010c12f000010512f8f073"
     "04001213d81112f1030112138941fa",
     {{0, 0, 3}, {2, 2, 6}, {4, 22, 7}, {24, 26, 5}, {28, 36, 10}, {38, 38, 11},
      {40, 60, 12}, {62, 62, 14}, {64, 64, 15}, {66, 74, 14}, {76, 78, 10},
      {80, 84, 167}, {86, 86, 168}, {88, 96, 167}, {98, 98, 0}, {100, 100, 14},
      {102, 102, 15}, {104, 110, 14}, {112, 116, 0}}},
};
// clang-format on

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

PythonCode code_of(const Table& table) {
  PythonCode code;
  code.first_line = kFirstLine;
  code.lines_format = table.format;
  code.lines = from_hex(table.hex);
  return code;
}

TEST(PythonLines, SayWhatPythonSays) {
  for (const Table& table : kTables) {
    const PythonCode code = code_of(table);
    for (const LineRun& run : table.runs) {
      for (uint64_t offset = run.first; offset <= run.last; ++offset) {
        EXPECT_EQ(python_line(code, offset), run.line) << table.version << " at " << offset;
      }
    }
  }
}

TEST(PythonLines, WithoutATableTheFirstLine) {
  PythonCode code;
  code.first_line = 7;
  EXPECT_EQ(python_line(code, 0), 7U);
  EXPECT_EQ(python_line(code, 1000), 7U);
  code.first_line = 0x80000001;
  EXPECT_EQ(python_line(code, 0), 0U);
}

TEST(PythonLines, BrokenTablesEndSomewhere) {
  std::mt19937 random(3);
  for (const Table& table : kTables) {
    for (int round = 0; round < 500; ++round) {
      PythonCode code = code_of(table);
      code.first_line = random();
      for (int i = 0; i < 4; ++i) {
        code.lines[random() % code.lines.size()] = static_cast<char>(random());
      }
      code.lines.resize(random() % code.lines.size());
      for (const uint64_t offset : {uint64_t{0}, uint64_t{50}, uint64_t{1} << 23}) {
        EXPECT_LE(python_line(code, offset), 0x7fffffffU);
      }
    }
  }
}

}  // namespace
}  // namespace mla
