#include "report/packing.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "reader/error.h"

namespace mla {
namespace {

// Fast: pages of 100,000 call sites are a tenth larger than at level 6, and made in half the time.
constexpr int kLevel = 4;

constexpr int kWindowBits = 15;  // the largest
constexpr int kGzipBits = 16;    // added to them: zlib's way to ask for gzip
constexpr int kMemoryLevel = 8;  // zlib's default

}  // namespace

std::string deflated(std::string_view bytes, Framing framing) {
  z_stream stream{};
  const int bits = framing == Framing::kGzip ? kWindowBits + kGzipBits : kWindowBits;
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, bits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error("output", "zlib has no memory to compress it", "free memory and try again");
  }
  std::string result;
  std::array<char, 65536> buffer{};
  const char* next = bytes.data();
  size_t left = bytes.size();
  int done = Z_OK;
  while (done != Z_STREAM_END) {
    // zlib counts in 32 bits.
    const size_t taken = std::min<size_t>(left, std::numeric_limits<uInt>::max());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib reads it only
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(next));
    stream.avail_in = static_cast<uInt>(taken);
    next += taken;
    left -= taken;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      done = deflate(&stream, left == 0 ? Z_FINISH : Z_NO_FLUSH);
      result.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return result;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[bits >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace mla
