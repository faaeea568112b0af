// A self-contained page: the front end of tools/web with the data of one report in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace mla {

// Where the data go in a page; it stands there once.
inline constexpr std::string_view kPageData = "@MLA_DATA@";

// Raised when the page would misread older data; both are always of one build.
inline constexpr int kPageDataVersion = 1;

// zlib's format (RFC 1950), in base64: what the page reads with DecompressionStream("deflate").
// No character of it means anything in HTML, whatever the bytes are.
std::string packed(std::string_view bytes);

// Writes the page with `data` packed into it. Bytes that are not UTF-8 become U+FFFD. Throws Error
// if the page has no place for data.
void write_page(std::ostream& out, std::string_view page, const nlohmann::ordered_json& data);

}  // namespace mla
