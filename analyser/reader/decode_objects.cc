#include "reader/decode_objects.h"

#include <algorithm>
#include <cstring>

namespace mla {

namespace {

uint64_t bytes_of(const ObjectType& type) { return type.now.tracked_bytes + type.now.other_bytes; }

}  // namespace

void decode_objects(const SegmentImage& image, ObjectCounts& objects, DamageLog& damage) {
  const format::PythonObjects* o = image.objects();
  if (o == nullptr) return;
  objects.counts = o->counts.load(std::memory_order_relaxed);
  objects.flags = o->flags.load(std::memory_order_relaxed);
  objects.t_ns = o->t_ns;
  objects.waited_ns = o->waited_ns;
  objects.held_ns = o->held_ns;
  objects.before_t_ns = o->before_t_ns;
  objects.now = o->now;
  objects.before = o->before;
  objects.type_count = o->types;
  objects.garbage = o->garbage;
  std::copy(std::begin(o->generation), std::end(o->generation), objects.generations.begin());
  objects.collected = o->collected;
  objects.collect_ns = o->collect_ns;
  objects.rss_before = o->rss_before;
  objects.rss_after = o->rss_after;
  objects.uncollected = o->uncollected;
  for (uint64_t i = 0; i < std::min(o->rows, image.records(format::Table::kPythonTypes)); ++i) {
    const auto* record = image.record<format::PythonTypeRecord>(format::Table::kPythonTypes, i);
    if (record == nullptr) continue;
    const size_t length = strnlen(record->name, sizeof record->name);
    if (length == sizeof record->name) damage.add("python types", "a name without an end", i);
    objects.types.push_back(
        {std::string(record->name, length), record->now, record->before, record->garbage});
  }
  std::stable_sort(
      objects.types.begin(), objects.types.end(),
      [](const ObjectType& a, const ObjectType& b) { return bytes_of(a) > bytes_of(b); });
}

}  // namespace mla
