#include "segment/segment_file.h"

#include "segment/module_log.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

using format::SegmentHeader;

constexpr uint64_t kRoomWanted = 16 << 20;

// Up to capacity - 1 bytes of a file, NUL-terminated; how many.
uint64_t read_file(const char* path, char* to, uint64_t capacity) {
  const int fd = sys::open(path, O_RDONLY);
  uint64_t length = 0;
  while (fd >= 0 && length + 1 < capacity) {
    const long n = sys::read(fd, to + length, capacity - 1 - length);
    if (n <= 0) break;
    length += static_cast<uint64_t>(n);
  }
  if (fd >= 0) sys::close(fd);
  to[length] = 0;
  return length;
}

void store(format::StringRef& field, const char* s, uint64_t length) {
  field.store(segment.store_string(s, length),
              std::memory_order_release);  // acquired by the reader
}

// Field 22 of /proc/PID/stat; the program's name, field 2, may hold blanks and brackets.
uint64_t start_ticks(const char* stat, uint64_t length) {
  uint64_t at = length;
  while (at > 0 && stat[at - 1] != ')') --at;
  int field = 2;
  while (at < length && field < 22) {
    if (stat[at++] == ' ') ++field;
  }
  uint64_t ticks = 0;
  while (at < length && stat[at] >= '0' && stat[at] <= '9') {
    ticks = ticks * 10 + static_cast<uint64_t>(stat[at++] - '0');
  }
  return ticks;
}

uint32_t thp_mode(const char* text, uint64_t length) {
  if (find_text(text, length, "[never]") != length) return 1;
  if (find_text(text, length, "[madvise]") != length) return 2;
  return find_text(text, length, "[always]") != length ? 3 : 0;
}

// A directory of ours: made 0700, or there already, ours and closed to others.
int make_private_directory(const char* path) {
  const long made = sys::mkdir(path, 0700);
  if (made == 0) return 0;
  struct stat st = {};
  const long error = sys::lstat(path, &st);
  if (error != 0) return static_cast<int>(error);
  const bool safe =
      (st.st_mode & S_IFMT) == S_IFDIR && st.st_uid == sys::geteuid() && (st.st_mode & 022) == 0;
  return safe ? 0 : -1;  // EPERM
}

int create_in(const char* directory, const char* program, uint64_t start_ms) {
  static char path[512];
  for (uint64_t attempt = 0; attempt < 8; ++attempt) {
    Text text(path, sizeof path);
    text.add(directory).add("/mla-").add(program).add("-").add_number(segment.header().pid);
    text.add("-").add_number(start_ms + attempt, 16).add(".mla");
    if (text.cut()) return -36;  // ENAMETOOLONG
    const int error = segment.move_to_file(path);
    if (error != -17) return error;  // EEXIST: the same process executed a program in this ms
  }
  return -17;
}

int create_in_shared(const char* parent, const char* program, uint64_t start_ms, bool needs_room) {
  struct statfs fs = {};
  const long error = sys::statfs(parent, &fs);
  if (error != 0) return static_cast<int>(error);
  if (needs_room &&
      static_cast<uint64_t>(fs.f_bavail) * static_cast<uint64_t>(fs.f_bsize) < kRoomWanted) {
    return -28;
  }
  static char directory[128];
  Text(directory, sizeof directory).add(parent).add("/mla-").add_number(sys::geteuid());
  const int made = make_private_directory(directory);
  return made != 0 ? made : create_in(directory, program, start_ms);
}

// An earlier recording of this very process: same pid, same start of the process.
void mark_replaced(const char* path, uint64_t allocations, uint64_t age_ns) {
  // Whatever is there under such a name may not hold up the program, such as a file with a lease.
  const int fd = sys::open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  alignas(SegmentHeader) static char page[sizeof(SegmentHeader)];
  SegmentHeader& other = *reinterpret_cast<SegmentHeader*>(page);
  const SegmentHeader& mine = segment.header();
  const long n = sys::call(SYS_pread64, fd, sys::arg(page), sizeof page, 0);
  const uint64_t age = mine.start_monotonic_ns - other.start_monotonic_ns;
  if (n == sizeof page && other.magic == mine.magic && other.version == mine.version &&
      other.pid == mine.pid && other.fork_depth == 0 &&
      other.process_start_ticks == mine.process_start_ticks &&
      other.state.load(std::memory_order_relaxed) ==
          static_cast<uint32_t>(format::State::kRecording)) {
    // Also one that is removed: mla top may have it open.
    const auto state = static_cast<uint32_t>(format::State::kReplaced);
    sys::pwrite(fd, &age, sizeof age, offsetof(SegmentHeader, stop_ns));
    sys::pwrite(fd, &state, sizeof state, offsetof(SegmentHeader, state));
    if (other.alloc_count.load(std::memory_order_relaxed) < allocations && age < age_ns) {
      sys::unlink(path);
    }
  }
  sys::close(fd);
}

void note_failure(const char* directory, int error) {
  static char line[768];
  Text text(line, sizeof line);
  text.add("no recording could be made in ").add(directory).add(": ");
  if (error == -28) {
    text.add("no space left on the file system");
  } else if (error == -13 || error == -1) {
    text.add("permission denied");
  } else if (error == -30) {
    text.add("read-only file system");
  } else if (error == -20) {
    text.add("not a directory");
  } else if (error == -2) {
    text.add("no such directory");
  } else {
    text.add("errno ").add_number(static_cast<uint64_t>(-error));
  }
  add_note(line);
}

// The program's name for a file name: letters, digits and "._+-", at most 48 of them.
void program_name(char* to, uint64_t capacity) {
  static char exe[1024];
  const uint64_t n = read_exe_path(exe, sizeof exe);
  Text text(to, capacity < 49 ? capacity : 49);
  for (const char* p = n == 0 ? "unknown" : base_name(exe); *p != 0; ++p) {
    const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                       (*p >= '0' && *p <= '9') || *p == '.' || *p == '_' || *p == '+' || *p == '-';
    text.add_char(plain ? *p : '_');
  }
}

}  // namespace

void add_note(const char* line) {
  constexpr uint64_t kCapacity = 2048;
  char* text_buffer = own_new<char>(kCapacity);
  if (text_buffer == nullptr) return;
  Text text(text_buffer, kCapacity);
  const uint64_t old = segment.header().note.load(std::memory_order_acquire);
  const char* before = segment.record<char>(format::Table::kStrings, old >> 32);
  if (old != 0 && before != nullptr) text.add(before, old & 0xffffffff);
  uint64_t length = text_length(line);
  while (length != 0 && line[length - 1] == '\n') --length;
  text.add(line, length).add_char('\n');
  store(segment.header().note, text.c_str(), text.length());
}

void store_settings(char** environment) {
  static char text[4096];
  store(segment.header().settings, text, write_settings(environment, text, sizeof text));
}

void describe_process() {
  format::SegmentHeader& h = segment.header();
  static char text[8192];  // not on the stack, which may be a small one: see segment_file.h
  store(h.exe, text, read_exe_path(text, sizeof text));
  store(h.argv, text, read_file("/proc/self/cmdline", text, sizeof text));
  const long n = sys::getcwd(text, sizeof text);
  store(h.working_directory, text, n > 1 ? static_cast<uint64_t>(n) - 1 : 0);
  struct utsname names = {};
  if (sys::uname(&names) == 0) {
    store(h.host, names.nodename, text_length(names.nodename));
    store(h.kernel, names.release, text_length(names.release));
  }
  store(h.cgroup, text, read_file("/proc/self/cgroup", text, sizeof text));
  uint64_t length = read_file("/proc/self/stat", text, sizeof text);
  h.process_start_ticks = start_ticks(text, length);
  length = read_file("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
  h.thp_mode = thp_mode(text, length);
}

int create_segment_file(const Settings& settings) {
  char program[64];
  program_name(program, sizeof program);
  const uint64_t start_ms = segment.header().start_realtime_ns / 1'000'000;
  int error = 0;
  if (settings.directory != nullptr) {
    sys::mkdir(settings.directory, 0700);
    error = create_in(settings.directory, program, start_ms);
    if (error == 0) return 0;
    note_failure(settings.directory, error);
  }
  error = create_in_shared("/dev/shm", program, start_ms, true);
  if (error == 0) return 0;
  return create_in_shared("/tmp", program, start_ms, false);
}

void mark_replaced_recordings(uint64_t allocations, uint64_t age_ns) {
  static char path[512];
  Text(path, sizeof path).add(segment.path());
  char* const slash = const_cast<char*>(base_name(path)) - 1;
  static char own_name[256];
  Text(own_name, sizeof own_name).add(slash + 1);
  *slash = 0;
  char part[32];  // "-PID-"
  Text(part, sizeof part).add("-").add_number(segment.header().pid).add("-");
  const int directory = sys::open(path, O_RDONLY | O_DIRECTORY);
  if (directory < 0) return;
  struct Entry {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
  };
  alignas(Entry) static char entries[4096];
  for (;;) {
    const long n = sys::call(SYS_getdents64, directory, sys::arg(entries), sizeof entries);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const Entry* e = reinterpret_cast<const Entry*>(entries + at);
      at += e->bytes;
      if (find_text(e->name, text_length(e->name), part) == text_length(e->name) ||
          !starts_with(e->name, "mla-") || same_text(e->name, own_name)) {
        continue;
      }
      static char name[512];
      Text other(name, sizeof name);
      other.add(path).add("/").add(e->name);
      if (!other.cut()) mark_replaced(name, allocations, age_ns);
    }
  }
  sys::close(directory);
}

bool parent_is_preloaded(uint32_t parent_pid) {
  char path[64];
  Text(path, sizeof path).add("/proc/").add_number(parent_pid).add("/environ");
  const int fd = sys::open(path, O_RDONLY);
  if (fd < 0) return false;
  // Blocks overlap by more than one variable's worth of what is looked for.
  static char block[4096];
  constexpr uint64_t kKeep = 1024;
  uint64_t length = 0;
  bool found = false;
  for (;;) {
    const long n = sys::read(fd, block + length, sizeof block - length);
    if (n <= 0) break;
    length += static_cast<uint64_t>(n);
    const uint64_t at = find_text(block, length, "LD_PRELOAD=");
    if (at != length && (at == 0 || block[at - 1] == 0)) {
      uint64_t end = at;
      while (end < length && block[end] != 0) ++end;
      found = preloads_mla(block + at, end - at);
      if (end < length || found) break;
    }
    if (length > kKeep) {
      __builtin_memmove(block, block + length - kKeep, kKeep);
      length = kKeep;
    }
  }
  sys::close(fd);
  return found;
}

ResidentMemory read_resident_memory() {
  char text[256];
  const uint64_t length = read_file("/proc/self/statm", text, sizeof text);
  uint64_t fields[3] = {};  // size, resident, shared: pages
  uint64_t at = 0;
  for (uint64_t& field : fields) {
    while (at < length && text[at] == ' ') ++at;
    while (at < length && text[at] >= '0' && text[at] <= '9') {
      field = field * 10 + static_cast<uint64_t>(text[at++] - '0');
    }
  }
  const uint64_t page = segment.header().page_bytes;
  return {fields[1] * page, (fields[1] - (fields[2] < fields[1] ? fields[2] : fields[1])) * page};
}

}  // namespace mla
