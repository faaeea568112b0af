// Bytes made small, and made text.
#pragma once

#include <string>
#include <string_view>

namespace mla {

enum class Framing { kZlib, kGzip };  // RFC 1950, RFC 1952; a gzip header has neither name nor time

// Throws Error when there is no memory.
std::string deflated(std::string_view bytes, Framing framing);

// RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace mla
