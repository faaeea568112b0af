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

// Of mappings, and of stacks with a Python part. Other heap sites are found through their node, as
// is the first one of each stack of Python.
constinit IdIndex paired_sites{};

SiteId add_site(uint32_t native, uint32_t python, SiteKind kind) {
  const uint64_t id = segment.claim(Table::kSites);
  if (id == Segment::kNoRecord) {
    segment.count_loss(Loss::kSiteTableFull);
    return SiteId::kOverflow;
  }
  SiteRecord* r = segment.record<SiteRecord>(Table::kSites, id);
  r->native = native;
  r->python = python;
  r->first_seen_ms = static_cast<uint32_t>(segment.since_start_ns() / 1'000'000);
  // Release: acquired by the reader, and through the id by other threads.
  r->kind.store(static_cast<uint32_t>(kind), std::memory_order_release);
  return SiteId{static_cast<uint32_t>(id)};
}

SiteId paired_site(NodeId native, NodeId python, SiteKind kind) {
  const uint32_t n = format::index(native);
  const uint32_t p = format::index(python);
  const uint64_t mixed = (static_cast<uint64_t>(n) << 21 | p) * 0x9e3779b97f4a7c15ULL;
  const uint32_t hash = static_cast<uint32_t>(mixed >> 32) + static_cast<uint32_t>(kind);
  const uint32_t known = paired_sites.find(hash, [&](uint32_t id) {
    const SiteRecord* r = segment.record<SiteRecord>(Table::kSites, id);
    return r->native == n && r->python == p &&
           r->kind.load(std::memory_order_relaxed) == static_cast<uint32_t>(kind);
  });
  if (known != IdIndex::kNone) return SiteId{known};
  const SiteId added = add_site(n, p, kind);
  if (added != SiteId::kOverflow) paired_sites.add(hash, format::index(added));
  return added;
}

}  // namespace

void reset_sites_after_fork() { paired_sites.reset_after_fork(); }

SiteId heap_site_of(NodeId native) {
  std::atomic<uint32_t>& site = node_links[format::index(native)].site;
  uint32_t known = site.load(std::memory_order_acquire);
  if (__builtin_expect(known != 0, 1)) return SiteId{known};
  const SiteId added = add_site(format::index(native), 0, SiteKind::kHeap);
  if (added == SiteId::kOverflow) return added;
  // The site of a thread that came second stays unused.
  return site.compare_exchange_strong(known, format::index(added), std::memory_order_acq_rel)
             ? added
             : SiteId{known};
}

SiteId heap_site_of(NodeId native, NodeId python) {
  // Most stacks of Python allocate by one native stack: the first site is found without a search.
  std::atomic<uint32_t>& first = node_links[format::index(python)].site;
  uint32_t known = first.load(std::memory_order_acquire);
  if (known != 0 &&
      segment.record<SiteRecord>(Table::kSites, known)->native == format::index(native)) {
    return SiteId{known};
  }
  const SiteId site = paired_site(native, python, SiteKind::kHeap);
  if (known == 0 && site != SiteId::kOverflow) {
    first.compare_exchange_strong(known, format::index(site), std::memory_order_acq_rel);
  }
  return site;
}

SiteId mapping_site_of(NodeId native, NodeId python) {
  return paired_site(native, python, SiteKind::kMapping);
}

}  // namespace mla
