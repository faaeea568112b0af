#include "capture/sites.h"

#include "capture/id_index.h"
#include "segment/segment.h"

namespace mla {

namespace {

using format::Loss;
using format::NodeId;
using format::SiteId;
using format::SiteKind;
using format::SiteRecord;
using format::Table;

constinit IdIndex site_index{};

SiteId find_or_add(NodeId native, SiteKind kind) {
  const uint32_t node = format::index(native);
  const uint32_t hash = (node * 2 + (kind == SiteKind::kMapping ? 1 : 0)) * 0x9e3779b9U;
  const uint32_t known = site_index.find(hash, [&](uint32_t id) {
    const SiteRecord* r = segment.record<SiteRecord>(Table::kSites, id);
    return r->native == node &&
           r->kind.load(std::memory_order_relaxed) == static_cast<uint32_t>(kind);
  });
  if (known != IdIndex::kNone) return SiteId{known};
  const uint64_t id = segment.claim(Table::kSites);
  if (id == Segment::kNoRecord) {
    segment.count_loss(Loss::kSiteTableFull);
    return SiteId::kOverflow;
  }
  SiteRecord* r = segment.record<SiteRecord>(Table::kSites, id);
  r->native = node;
  r->python = format::index(format::PythonStackId::kNone);
  r->first_seen_ms = static_cast<uint32_t>(segment.since_start_ns() / 1'000'000);
  // Release: acquired by the reader, and through the index by other threads.
  r->kind.store(static_cast<uint32_t>(kind), std::memory_order_release);
  site_index.add(hash, static_cast<uint32_t>(id));
  return SiteId{static_cast<uint32_t>(id)};
}

}  // namespace

void reset_sites_after_fork() { site_index.reset_after_fork(); }

SiteId site_of(Shard& shard, NodeId native, SiteKind kind) {
  const uint32_t node = format::index(native);
  if (kind != SiteKind::kHeap || node == 0) return find_or_add(native, kind);
  Shard::CachedSite& cached = shard.cached_sites[node % Shard::kCachedSites];
  if (cached.native == node) return SiteId{cached.site};
  const SiteId site = find_or_add(native, kind);
  cached = {node, format::index(site)};
  return site;
}

}  // namespace mla
