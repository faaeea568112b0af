#include "capture/sites.h"

#include "capture/id_index.h"
#include "capture/stack_trie.h"
#include "segment/segment.h"

namespace mla {

namespace {

using format::Loss;
using format::NodeId;
using format::SiteId;
using format::SiteKind;
using format::SiteRecord;
using format::Table;

// Of mappings. Heap sites are found through their node.
constinit IdIndex mapping_sites{};

SiteId add_site(uint32_t node, SiteKind kind) {
  const uint64_t id = segment.claim(Table::kSites);
  if (id == Segment::kNoRecord) {
    segment.count_loss(Loss::kSiteTableFull);
    return SiteId::kOverflow;
  }
  SiteRecord* r = segment.record<SiteRecord>(Table::kSites, id);
  r->native = node;
  r->python = format::index(format::PythonStackId::kNone);
  r->first_seen_ms = static_cast<uint32_t>(segment.since_start_ns() / 1'000'000);
  // Release: acquired by the reader, and through the id by other threads.
  r->kind.store(static_cast<uint32_t>(kind), std::memory_order_release);
  return SiteId{static_cast<uint32_t>(id)};
}

}  // namespace

void reset_sites_after_fork() { mapping_sites.reset_after_fork(); }

SiteId heap_site_of(NodeId native) {
  std::atomic<uint32_t>& site = node_links[format::index(native)].site;
  uint32_t known = site.load(std::memory_order_acquire);
  if (__builtin_expect(known != 0, 1)) return SiteId{known};
  const SiteId added = add_site(format::index(native), SiteKind::kHeap);
  if (added == SiteId::kOverflow) return added;
  // The site of a thread that came second stays unused.
  return site.compare_exchange_strong(known, format::index(added), std::memory_order_acq_rel)
             ? added
             : SiteId{known};
}

SiteId mapping_site_of(NodeId native) {
  const uint32_t node = format::index(native);
  const uint32_t hash = node * 0x9e3779b9U;
  const uint32_t known = mapping_sites.find(hash, [&](uint32_t id) {
    return segment.record<SiteRecord>(Table::kSites, id)->native == node;
  });
  if (known != IdIndex::kNone) return SiteId{known};
  const SiteId added = add_site(node, SiteKind::kMapping);
  if (added != SiteId::kOverflow) mapping_sites.add(hash, format::index(added));
  return added;
}

}  // namespace mla
