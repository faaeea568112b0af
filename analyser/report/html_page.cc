#include "report/html_page.h"

#include <nlohmann/json.hpp>

#include "reader/error.h"
#include "report/packing.h"

namespace mla {

std::string packed(std::string_view bytes) { return base64(deflated(bytes, Framing::kZlib)); }

void write_page(std::ostream& out, std::string_view page, const nlohmann::ordered_json& data) {
  const size_t place = page.find(kPageData);
  if (place == std::string_view::npos) {
    throw Error("--html", "this mla was built without the page",
                "build it with nodejs and npm, and without -DMLA_HTML=OFF");
  }
  out << page.substr(0, place)
      << packed(data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace))
      << page.substr(place + kPageData.size());
}

}  // namespace mla
