// The values of --sort.
#pragma once

#include <map>
#include <string>

#include "report/site_order.h"

namespace mla {

inline const std::map<std::string, SiteOrder>& site_orders() {
  static const std::map<std::string, SiteOrder> known{{"live", SiteOrder::kLive},
                                                      {"allocated", SiteOrder::kAllocated},
                                                      {"count", SiteOrder::kCount},
                                                      {"peak", SiteOrder::kPeak},
                                                      {"temporary", SiteOrder::kTemporary}};
  return known;
}

}  // namespace mla
