#include "python/object_helper.h"

#include <algorithm>

#include "capture/allocator_service.h"
#include "capture/python_stack.h"
#include "capture/signals_held.h"
#include "capture/ticks.h"
#include "python/object_count.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/segment_file.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

using format::GcGeneration;
using format::ObjectsFlag;
using format::ObjectsState;
using format::PythonObjects;
using format::PythonTypeRecord;
using format::Request;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint16_t kVersion38 = 0x0308;
constexpr uint64_t kRequests =
    static_cast<uint64_t>(Request::kObjects) | static_cast<uint64_t>(Request::kCollect);

PythonApi api;
Interpreter python;
StartThread start_thread;
int (*detach_thread)(unsigned long);
std::atomic<uint32_t> supported;
std::atomic<uint32_t> running;

// Of the one helper there is at a time.
bool with_collection;
uint64_t signals_of_starter;

// The counts by type of the last time and of this one.
TypeTable last_types;
TypeTable types;
uint64_t counts;

PythonObjects& result() { return segment.header().objects; }

void set_state(ObjectsState state) {
  result().state.store(static_cast<uint32_t>(state), std::memory_order_release);
}

uint64_t since_start() { return segment.since_start_ns(); }

// Of every type: how much it weighs in the choice of those there is room for.
uint64_t bytes_of(const format::ObjectTotals& t) { return t.tracked_bytes + t.other_bytes; }

format::ObjectTotals totals_before(const TypeCount& row) {
  const TypeCount* before = last_types.find(row.type);
  return before != nullptr && before->name_hash == row.name_hash ? before->totals
                                                                 : format::ObjectTotals{};
}

// A change counts for sixteen times as much as what was there already: growth is what is looked
// for.
uint64_t weight_of(const TypeCount& row) {
  const uint64_t now = bytes_of(row.totals);
  const uint64_t before = bytes_of(totals_before(row));
  const uint64_t change = counts == 0 ? 0 : now > before ? now - before : before - now;
  return std::max(now, change * 16) + row.garbage;
}

struct Chosen {
  uint64_t weight;
  const TypeCount* row;
};
constexpr uint64_t kRows = format::shape(Table::kPythonTypes).max_records();

bool has_dot(const char* text) {
  while (*text != 0 && *text != '.') ++text;
  return *text != 0;
}

// "module.name"; of a type made by a class statement the module is in its dict. Those made in C
// have it in their name, but for the built-in ones.
void store_name(const TypeCount& row, PythonTypeRecord& to) {
  char name[512];
  Text text(name, sizeof name);
  const char* own = field<const char*>(row.type, TypeLayout::kName);
  if ((field<uint64_t>(row.type, TypeLayout::kFlags) & TypeLayout::kHeapType) != 0 &&
      !has_dot(own)) {
    const Object dict = field<Object>(row.type, TypeLayout::kDict);
    const Object module = dict == nullptr ? nullptr : api.dict_item(dict, "__module__");
    if (module != nullptr && type_of(module) == reinterpret_cast<Object>(python.types.text)) {
      const char* utf8 = api.to_utf8(module);
      if (utf8 != nullptr && !same_text(utf8, "builtins")) text.add(utf8).add(".");
    }
    api.clear_error();
  }
  text.add(own);
  const uint64_t length = text.length();
  const uint64_t kept = std::min<uint64_t>(length, PythonTypeRecord::kNameBytes - 1);
  __builtin_memcpy(to.name, text.c_str() + (length - kept), kept);
  __builtin_memset(to.name + kept, 0, PythonTypeRecord::kNameBytes - kept);
}

// With the interpreter's lock held: types may go away without it.
bool store_types() {
  auto* chosen = static_cast<Chosen*>(own_reserve(kRows * sizeof(Chosen)));
  if (chosen == nullptr) return false;
  const auto heavier = [](const Chosen& a, const Chosen& b) { return a.weight > b.weight; };
  uint64_t rows = 0;
  types.for_each([&](const TypeCount& row) {
    const Chosen candidate = {weight_of(row), &row};
    if (rows < kRows) {
      chosen[rows++] = candidate;
      std::push_heap(chosen, chosen + rows, heavier);
    } else if (candidate.weight > chosen[0].weight) {
      std::pop_heap(chosen, chosen + rows, heavier);
      chosen[rows - 1] = candidate;
      std::push_heap(chosen, chosen + rows, heavier);
    }
  });
  for (uint64_t i = 0; i < rows; ++i) {
    if (!segment.ensure(Table::kPythonTypes, i)) {
      rows = i;
      break;
    }
    PythonTypeRecord& to = *segment.record<PythonTypeRecord>(Table::kPythonTypes, i);
    store_name(*chosen[i].row, to);
    to.now = chosen[i].row->totals;
    to.before = totals_before(*chosen[i].row);
    to.garbage = chosen[i].row->garbage;
  }
  own_unmap(chosen, kRows * sizeof(Chosen));
  result().rows = rows;
  segment.header().claimed[static_cast<uint32_t>(Table::kPythonTypes)].store(rows, kRelaxed);
  result().types = types.size();
  return true;
}

uint64_t integer_of(Object number) {
  const int64_t value = number == nullptr ? 0 : api.to_integer(number);
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

// gc.<name>() or nullptr; to be released.
Object ask_gc(Object gc, const char* name) {
  const Object function = api.attribute(gc, name);
  if (function == nullptr) return nullptr;
  const Object answer = api.call(function, nullptr);
  api.release(function);
  return answer;
}

bool read_triple(Object gc, const char* name, uint64_t GcGeneration::*member) {
  const Object triple = ask_gc(gc, name);
  if (triple == nullptr) return false;
  const bool whole = api.tuple_size(triple) == 3;
  for (int64_t i = 0; i < 3 && whole; ++i) {
    result().generation[i].*member = integer_of(api.tuple_item(triple, i));
  }
  api.release(triple);
  return whole;
}

bool read_gc_stats(Object gc) {
  const Object list = ask_gc(gc, "get_stats");
  if (list == nullptr) return false;
  const bool whole = api.list_size(list) == 3;
  for (int64_t i = 0; i < 3 && whole; ++i) {
    const Object of = api.list_item(list, i);
    GcGeneration& to = result().generation[i];
    to.collections = integer_of(api.dict_item(of, "collections"));
    to.collected = integer_of(api.dict_item(of, "collected"));
    to.uncollectable = integer_of(api.dict_item(of, "uncollectable"));
  }
  api.release(list);
  return whole;
}

uint32_t read_gc() {
  const Object gc = api.import_gc();
  if (gc == nullptr) return 0;
  uint32_t flags = 0;
  if (read_triple(gc, "get_threshold", &GcGeneration::threshold) &&
      read_triple(gc, "get_count", &GcGeneration::count) && read_gc_stats(gc)) {
    flags |= static_cast<uint32_t>(ObjectsFlag::kGcReadable);
  }
  if (const Object enabled = ask_gc(gc, "isenabled")) {
    if (api.is_true(enabled) == 1) flags |= static_cast<uint32_t>(ObjectsFlag::kGcEnabled);
    api.release(enabled);
  }
  api.release(gc);
  return flags;
}

// The types of a count are held as long as something of them is read.
void let_go_of_types() {
  types.for_each([](const TypeCount& row) { api.release(row.type); });
}

void drop_types() {
  let_go_of_types();
  types.close();
}

ObjectsState count(uint32_t& flags) {
  PythonObjects& r = result();
  set_state(ObjectsState::kCounting);
  ObjectCount one(api, python.layout.version);
  if (!types.open()) return ObjectsState::kNoMemory;
  const ObjectsState state = one.run(types);
  if (state != ObjectsState::kDone) return state;
  r.now = one.totals();
  r.garbage = one.garbage();
  if (one.others_cut()) flags |= static_cast<uint32_t>(ObjectsFlag::kOthersCut);
  if (one.types_cut()) flags |= static_cast<uint32_t>(ObjectsFlag::kTypesCut);
  return state;
}

ObjectsState collect(uint32_t& flags) {
  PythonObjects& r = result();
  r.rss_before = read_resident_memory().rss;
  const ObjectsState state = count(flags);
  if (state != ObjectsState::kDone) return state;
  r.uncollected = r.now;
  drop_types();
  set_state(ObjectsState::kCollecting);
  const uint64_t begin = since_start();
  // Not PyGC_Collect(), which does nothing while the program has the collector disabled.
  const Object gc = api.import_gc();
  const Object found = gc == nullptr ? nullptr : ask_gc(gc, "collect");
  r.collect_ns = since_start() - begin;
  r.collected = integer_of(found);
  if (found != nullptr) api.release(found);
  if (gc != nullptr) api.release(gc);
  api.clear_error();
  if (found == nullptr) return ObjectsState::kNotCollected;
  r.rss_after = read_resident_memory().rss;
  flags |= static_cast<uint32_t>(ObjectsFlag::kCollected);
  return ObjectsState::kDone;
}

// Within the interpreter's lock.
ObjectsState count_all() {
  PythonObjects& r = result();
  const uint64_t begin = since_start();
  const uint64_t before_t_ns = counts == 0 ? 0 : r.t_ns;
  const format::ObjectTotals before = counts == 0 ? format::ObjectTotals{} : r.now;
  uint32_t flags = 0;
  r.collect_ns = 0;
  if (with_collection) {
    const ObjectsState state = collect(flags);
    if (state != ObjectsState::kDone) return state;
  }
  const ObjectsState state = count(flags);
  if (state != ObjectsState::kDone) return state;
  set_state(ObjectsState::kWriting);
  flags |= read_gc();
  api.clear_error();
  if (!store_types()) return ObjectsState::kNoMemory;
  r.before = before;
  r.before_t_ns = before_t_ns;
  r.flags.store(flags, kRelaxed);
  r.t_ns = since_start();
  r.held_ns = r.t_ns - begin - r.collect_ns;
  let_go_of_types();
  last_types.close();
  last_types = types;  // addresses and hashes, to compare with
  types = TypeTable();
  r.counts.store(++counts, kRelaxed);
  return ObjectsState::kDone;
}

void* run_helper(void*) {
  sys::call(SYS_prctl, 15 /* PR_SET_NAME */, sys::arg("mla-objects"));
  // What a finalizer starts inherits the signals of this thread: those of any of the program's.
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::arg(&signals_of_starter), 0, 8);
  const uint64_t begin = since_start();
  ObjectsState state = ObjectsState::kEnding;
  // The interpreter may have ended since the tick.
  if (api.is_initialized() != 0 && python.is_finalizing() == 0) {
    const int lock = api.lock();
    result().waited_ns = since_start() - begin;
    state = count_all();
    if (types.size() != 0) drop_types();
    api.unlock(lock);
  }
  set_state(state);
  running.store(0, std::memory_order_release);
  return nullptr;
}

// At a tick. The calling thread runs Python: so there is an interpreter, and it is not ending.
void take_up_request() {
  std::atomic<uint64_t>& request = segment.header().request;
  if ((request.load(kRelaxed) & kRequests) == 0) return;
  if (supported.load(std::memory_order_acquire) == 0) {
    request.fetch_and(~kRequests, kRelaxed);
    set_state(ObjectsState::kNotSupported);
    return;
  }
  if (python_reader.load(kRelaxed) == nullptr || !may_ask_allocator() ||
      python.is_finalizing() != 0 || thread_state(python) == 0 ||
      running.exchange(1, std::memory_order_acquire) != 0) {
    return;  // the next tick may be in a better place
  }
  const uint64_t asked = request.fetch_and(~kRequests, kRelaxed);
  set_state(ObjectsState::kWaiting);
  with_collection = (asked & static_cast<uint64_t>(Request::kCollect)) != 0;
  unsigned long thread = 0;
  const SignalsHeld held;
  signals_of_starter = held.before();
  const AllocatorQuestion question;
  if (start_thread(&thread, nullptr, run_helper, nullptr) != 0) {
    set_state(ObjectsState::kNoThread);
    running.store(0, std::memory_order_release);
    return;
  }
  detach_thread(thread);
}

}  // namespace

void set_thread_functions(StartThread start, int (*detach)(unsigned long)) {
  start_thread = start;
  detach_thread = detach;
  request_taker.store(take_up_request, std::memory_order_release);
}

void offer_objects(const void* object, FindSymbol find, const Interpreter& interpreter) {
  if (running.load(std::memory_order_acquire) != 0) return;
  python = interpreter;
  const bool can = python.layout.version >= kVersion38 && start_thread != nullptr &&
                   detach_thread != nullptr && find_api(object, find, api);
  supported.store(can ? 1 : 0, std::memory_order_release);
}

void withdraw_objects() { supported.store(0, kRelaxed); }

void reset_objects_after_fork() {
  // What a count was at in the parent is lost to this copy, not to the process.
  if (running.load(kRelaxed) != 0) types = TypeTable();
  running.store(0, kRelaxed);
  last_types = TypeTable();
  counts = 0;
}

}  // namespace mla
