// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace mla {

std::string with_commas(uint64_t number);   // 1,234,567
std::string human_bytes(uint64_t bytes);    // 512 B, 1.5 KiB, 12.3 MiB; powers of 1024
std::string human_seconds(double seconds);  // 0.42 s, 12.3 s, 4 min 10 s, 2 h 13 min, 3 d 4 h
std::string percent(uint64_t part, uint64_t whole);             // 12.3 %; of nothing: -
std::string counted(uint64_t number, const std::string& noun);  // 1 block, 2 blocks

}  // namespace mla
