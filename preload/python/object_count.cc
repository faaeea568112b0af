#include "python/object_count.h"

#include "capture/arenas.h"
#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

namespace {

using format::ObjectsState;

constexpr uint16_t kVersion311 = 0x030b;
constexpr uint16_t kVersion312 = 0x030c;
constexpr uint64_t kGcHeadBytes = 16;

uint64_t hash_of(const void* address) {
  return (reinterpret_cast<uintptr_t>(address) >> 4) * 0x9e3779b97f4a7c15ULL;
}

// PyMethodDescrObject: the header of a descriptor is two references to the object's own and three
// more words; then a PyMethodDef, {name, function, flags}.
constexpr uint32_t kDescriptorMethod = 40;
constexpr uint32_t kMethodFunction = 8;
constexpr uint32_t kMethodFlags = 16;
constexpr int32_t kNoArguments = 4;  // METH_NOARGS

}  // namespace

bool TypeTable::open() {
  rows_ = static_cast<TypeCount*>(own_reserve(kFirst * sizeof(TypeCount)));
  capacity_ = rows_ == nullptr ? 0 : kFirst;
  used_ = 0;
  return rows_ != nullptr;
}

void TypeTable::close() {
  if (rows_ != nullptr) own_unmap(rows_, capacity_ * sizeof(TypeCount));
  rows_ = nullptr;
  capacity_ = used_ = 0;
}

TypeCount* TypeTable::slot(Object type) const {
  uint64_t i = hash_of(type) >> 32 & (capacity_ - 1);
  while (rows_[i].type != nullptr && rows_[i].type != type) i = (i + 1) & (capacity_ - 1);
  return rows_ + i;
}

const TypeCount* TypeTable::find(Object type) const {
  if (capacity_ == 0) return nullptr;
  const TypeCount* row = slot(type);
  return row->type == nullptr ? nullptr : row;
}

TypeCount* TypeTable::at(Object type) {
  TypeCount* row = slot(type);
  if (row->type != nullptr) return row;
  if (used_ >= capacity_ / 2) {
    if (!grow()) return nullptr;
    row = slot(type);
  }
  ++used_;
  row->type = type;
  return row;
}

bool TypeTable::grow() {
  if (capacity_ == kMost) return false;
  auto* bigger = static_cast<TypeCount*>(own_reserve(2 * capacity_ * sizeof(TypeCount)));
  if (bigger == nullptr) return false;
  TypeCount* const old = rows_;
  const uint64_t old_capacity = capacity_;
  rows_ = bigger;
  capacity_ *= 2;
  for (uint64_t i = 0; i < old_capacity; ++i) {
    if (old[i].type != nullptr) *slot(old[i].type) = old[i];
  }
  own_unmap(old, old_capacity * sizeof(TypeCount));
  return true;
}

bool AddressSet::open() {
  slots_ = static_cast<uintptr_t*>(own_reserve(kFirst * sizeof(uintptr_t)));
  capacity_ = slots_ == nullptr ? 0 : kFirst;
  used_ = 0;
  return slots_ != nullptr;
}

void AddressSet::close() {
  if (slots_ != nullptr) own_unmap(slots_, capacity_ * sizeof(uintptr_t));
  slots_ = nullptr;
  capacity_ = used_ = 0;
}

AddressSet::Added AddressSet::add(const char* object) {
  const auto address = reinterpret_cast<uintptr_t>(object);
  uint64_t i = hash_of(object) >> 32 & (capacity_ - 1);
  for (; slots_[i] != 0; i = (i + 1) & (capacity_ - 1)) {
    if (slots_[i] == address) return Added::kKnown;
  }
  if (used_ < capacity_ / 2) {
    slots_[i] = address;
    ++used_;
    return Added::kNew;
  }
  if (!grow()) return Added::kNoRoom;
  put(address);
  return Added::kNew;
}

void AddressSet::put(uintptr_t address) {
  uint64_t i = hash_of(reinterpret_cast<const void*>(address)) >> 32 & (capacity_ - 1);
  while (slots_[i] != 0) i = (i + 1) & (capacity_ - 1);
  slots_[i] = address;
  ++used_;
}

bool AddressSet::grow() {
  if (capacity_ == kMost) return false;
  auto* bigger = static_cast<uintptr_t*>(own_reserve(2 * capacity_ * sizeof(uintptr_t)));
  if (bigger == nullptr) return false;
  uintptr_t* const old = slots_;
  const uint64_t old_capacity = capacity_;
  slots_ = bigger;
  capacity_ *= 2;
  used_ = 0;
  for (uint64_t i = 0; i < old_capacity; ++i) {
    if (old[i] != 0) put(old[i]);
  }
  own_unmap(old, old_capacity * sizeof(uintptr_t));
  return true;
}

ObjectsState ObjectCount::run(TypeTable& types) {
  types_ = &types;
  if (waiting_ = static_cast<Object*>(own_reserve(kMostWaiting * sizeof(Object)));
      waiting_ == nullptr) {
    return ObjectsState::kNoMemory;
  }
  ObjectsState state = ObjectsState::kNoMemory;
  if (others_.open()) {
    state = ObjectsState::kNotListed;
    sizeof_name_ = api_.intern("__sizeof__");
    const Object gc = sizeof_name_ == nullptr ? nullptr : api_.import_gc();
    if (gc != nullptr && list_objects(gc)) {
      count_garbage(gc);
      state = ObjectsState::kDone;
    }
    if (gc != nullptr) api_.release(gc);
    if (sizeof_name_ != nullptr) api_.release(sizeof_name_);
    api_.clear_error();
    others_.close();
  }
  own_unmap(waiting_, kMostWaiting * sizeof(Object));
  return state;
}

bool ObjectCount::list_objects(Object gc) {
  if (api_.visit_objects != nullptr) {
    api_.visit_objects(visit_listed, this);
    return true;
  }
  const Object function = api_.attribute(gc, "get_objects");
  Object list = nullptr;
  if (function != nullptr) {
    const UnrecordedScope unrecorded;  // the list is mla's, not the program's
    list = api_.call(function, nullptr);
  }
  if (function != nullptr) api_.release(function);
  if (list == nullptr) return false;
  const int64_t count = api_.list_size(list);
  for (int64_t i = 0; i < count; ++i) count_tracked(api_.list_item(list, i));
  api_.release(list);
  return count >= 0;
}

void ObjectCount::count_garbage(Object gc) {
  const Object list = api_.attribute(gc, "garbage");
  const int64_t count = list == nullptr ? 0 : api_.list_size(list);
  for (int64_t i = 0; i < count; ++i) {
    ++garbage_;
    if (TypeCount* type = count_of(api_.list_item(list, i))) ++type->garbage;
  }
  if (list != nullptr) api_.release(list);
}

int ObjectCount::visit_listed(Object object, void* self) {
  static_cast<ObjectCount*>(self)->count_tracked(object);
  return 1;  // go on
}

int ObjectCount::visit_referent(Object object, void* self) {
  if (object != nullptr) static_cast<ObjectCount*>(self)->reach(object);
  return 0;  // go on
}

void ObjectCount::count_tracked(Object object) {
  if (TypeCount* type = count_of(object)) {
    const uint64_t bytes = size_of(*type, object);
    ++type->totals.tracked_count;
    type->totals.tracked_bytes += bytes;
    ++totals_.tracked_count;
    totals_.tracked_bytes += bytes;
  }
  waiting_[waiting_count_++] = object;
  follow();
}

// What is waiting is not counted any more, only followed.
void ObjectCount::follow() {
  using Traverse = int (*)(Object, int (*)(Object, void*), void*);
  while (waiting_count_ != 0) {
    const Object object = waiting_[--waiting_count_];
    const auto traverse = field<Traverse>(type_of(object), TypeLayout::kTraverse);
    if (traverse != nullptr) traverse(object, visit_referent, this);
  }
}

bool ObjectCount::has_gc_head(Object type, Object object) const {
  if ((field<uint64_t>(type, TypeLayout::kFlags) & TypeLayout::kHasGc) == 0) return false;
  const auto is_gc = field<int (*)(Object)>(type, TypeLayout::kIsGc);
  return is_gc == nullptr || is_gc(object) != 0;
}

// Everything that the collector does not list, and that so nobody else will count.
void ObjectCount::reach(Object object) {
  const Object type = type_of(object);
  const bool has_head = has_gc_head(type, object);
  // PyGC_Head: the link to the next object; 0: not tracked.
  if (has_head && *reinterpret_cast<const uintptr_t*>(object - kGcHeadBytes) != 0) return;
  switch (others_.add(object)) {
    case AddressSet::Added::kKnown:
      return;
    case AddressSet::Added::kNoRoom:
      others_cut_ = true;
      return;
    case AddressSet::Added::kNew:
      break;
  }
  if (TypeCount* row = count_of(object)) {
    const uint64_t bytes = size_of(*row, object);
    ++row->totals.other_count;
    row->totals.other_bytes += bytes;
    ++totals_.other_count;
    totals_.other_bytes += bytes;
  }
  if (!has_head) return;
  if (waiting_count_ == kMostWaiting) {
    others_cut_ = true;
  } else {
    waiting_[waiting_count_++] = object;
  }
}

TypeCount* ObjectCount::count_of(Object object) {
  TypeCount* row = types_->at(type_of(object));
  if (row == nullptr) {
    types_cut_ = true;
  } else if (row->name_hash == 0) {
    describe(*row);
  }
  return row;
}

// The hash tells a type from another one that comes to be at its address before the next count.
void ObjectCount::describe(TypeCount& row) {
  row.name_hash = 0xcbf29ce484222325ULL;
  for (const char* c = field<const char*>(row.type, TypeLayout::kName); *c != 0; ++c) {
    row.name_hash = (row.name_hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3ULL;
  }
  row.name_hash |= 1;
  api_.retain(row.type);
  const auto flags = field<uint64_t>(row.type, TypeLayout::kFlags);
  // _PyType_PreHeaderSize(): the places of a managed dict and, since 3.12, of weak references.
  const uint64_t managed = version_ >= kVersion312   ? 3U << 3
                           : version_ == kVersion311 ? 1U << 4
                                                     : 0;
  row.prefix = (flags & managed) != 0 ? 16 : 0;
  const Object method = api_.lookup(row.type, sizeof_name_);
  if (method != nullptr && type_of(method) == api_.method_descriptor_type) {
    const auto* definition = field<const char*>(method, kDescriptorMethod);
    if (field<int32_t>(definition, kMethodFlags) == kNoArguments) {
      row.size = field<Object (*)(Object, Object)>(definition, kMethodFunction);
    }
  }
}

uint64_t ObjectCount::size_of(TypeCount& row, Object object) {
  const uint64_t front = row.prefix + (has_gc_head(row.type, object) ? kGcHeadBytes : 0);
  if (row.size != nullptr) {
    const Object number = row.size(object, nullptr);
    if (number != nullptr) {
      const int64_t bytes = api_.to_integer(number);
      api_.release(number);
      if (bytes >= 0) return front + static_cast<uint64_t>(bytes);
    }
    api_.clear_error();
  }
  const auto item = field<int64_t>(row.type, TypeLayout::kItemSize);
  const int64_t count = item == 0 ? 0 : field<int64_t>(object, 16);
  const int64_t bytes =
      field<int64_t>(row.type, TypeLayout::kBasicSize) + item * (count < 0 ? -count : count);
  return front + (bytes < 0 ? 0 : static_cast<uint64_t>(bytes));
}

}  // namespace mla
