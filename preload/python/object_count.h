// One count of the objects of CPython by type. Runs with the interpreter's lock held. Its tables
// are mla's own memory; up to 3.11 the collector makes a list of its objects, which is not
// recorded.
//
// The collector's objects are listed by itself. From each of them its tp_traverse leads to the
// others: those without a place in the collector (str, bytes, int) and the containers it has let go
// of, which are followed further. Each is counted once; a set of their addresses sees to that.
// Objects in gc.freeze()'s permanent generation are not listed, so not tracked ones here.
//
// Bytes are sys.getsizeof()'s: the C function behind a type's __sizeof__ is called directly, and
// one that is written in Python is not called at all but replaced by object's.
#pragma once

#include <cstdint>

#include "format/format.h"
#include "python/api.h"

namespace mla {

struct TypeCount {
  Object type;
  uint64_t name_hash;
  Object (*size)(Object, Object);  // of __sizeof__; nullptr: the type's own sizes
  uint64_t prefix;                 // bytes in front of the object, as getsizeof() adds them
  format::ObjectTotals totals;
  uint64_t garbage;
};

// Counts by type; open addressing by the type's address, doubled when half full.
class TypeTable {
 public:
  bool open();
  void close();
  // Null if there is no memory, or there are too many types.
  TypeCount* at(Object type);
  const TypeCount* find(Object type) const;
  uint64_t size() const { return used_; }
  template <class F>
  void for_each(F f) const {
    for (uint64_t i = 0; i < capacity_; ++i) {
      if (rows_[i].type != nullptr) f(rows_[i]);
    }
  }

 private:
  static constexpr uint64_t kFirst = 4096;
  static constexpr uint64_t kMost = 1 << 18;
  TypeCount* slot(Object type) const;
  bool grow();

  TypeCount* rows_ = nullptr;
  uint64_t capacity_ = 0;
  uint64_t used_ = 0;
};

// Addresses seen; as above. Bounded: 8 Mi addresses, 128 MiB.
class AddressSet {
 public:
  bool open();
  void close();
  enum class Added { kNew, kKnown, kNoRoom };
  Added add(const char* address);

 private:
  static constexpr uint64_t kFirst = 1 << 16;
  static constexpr uint64_t kMost = 1 << 24;
  bool grow();
  void put(uintptr_t address);

  uintptr_t* slots_ = nullptr;
  uint64_t capacity_ = 0;
  uint64_t used_ = 0;
};

class ObjectCount {
 public:
  explicit ObjectCount(const PythonApi& api, uint16_t version) : api_(api), version_(version) {}

  // kDone, or why there is no count. `types` is filled; its memory and a reference to each type in
  // it are then the caller's.
  format::ObjectsState run(TypeTable& types);

  const format::ObjectTotals& totals() const { return totals_; }
  uint64_t garbage() const { return garbage_; }
  bool others_cut() const { return others_cut_; }
  bool types_cut() const { return types_cut_; }

 private:
  bool list_objects(Object gc);
  void count_garbage(Object gc);
  void count_tracked(Object object);
  void reach(Object object);
  void follow();
  uint64_t size_of(TypeCount& type, Object object);
  TypeCount* count_of(Object object);
  void describe(TypeCount& type);
  bool has_gc_head(Object type, Object object) const;
  static int visit_listed(Object object, void* self);
  static int visit_referent(Object object, void* self);

  const PythonApi& api_;
  uint16_t version_;
  TypeTable* types_ = nullptr;
  AddressSet others_;
  Object sizeof_name_ = nullptr;
  // Containers to be followed: a stack, of a bounded size as the rest.
  static constexpr uint64_t kMostWaiting = 1 << 20;
  Object* waiting_ = nullptr;
  uint64_t waiting_count_ = 0;
  format::ObjectTotals totals_{};
  uint64_t garbage_ = 0;
  bool others_cut_ = false;
  bool types_cut_ = false;
};

}  // namespace mla
