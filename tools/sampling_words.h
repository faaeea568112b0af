// How densely to record, as a person writes it.
#pragma once

#include <cstdint>
#include <string>

namespace mla {

// "512K", "64k", "1M", "4096", or "exact" or "off": as SegmentHeader::sampling_interval. Bytes from
// 1 KiB to 1 GiB. Throws Error naming `option` otherwise.
uint64_t parse_sampling(const std::string& text, const std::string& option);

// "1%", "0.5%" or "2": a percentage above 0, at most 100. Throws Error otherwise.
void check_budget(const std::string& text);

}  // namespace mla
