#include "stacks/core_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "reader/core.h"
#include "reader/error.h"

namespace mla {

namespace {

constexpr const char* kGiveCore = "give a core file, as gcore or the kernel writes it";
constexpr uint64_t kMostNoteBytes = 64 << 20;
constexpr uint64_t kVdsoBytes = 8192;  // at least; its own headers say how far it reaches

bool read_at(int fd, void* to, uint64_t bytes, uint64_t offset) {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = pread(fd, at, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    offset += static_cast<uint64_t>(n);
    bytes -= static_cast<uint64_t>(n);
  }
  return true;
}

template <class T>
bool load(const char* data, size_t bytes, size_t at, T& value) {
  if (at > bytes || bytes - at < sizeof value) return false;
  std::memcpy(&value, data + at, sizeof value);
  return true;
}

// Where `address` is, in a list by address of things that begin and end.
template <class Items, class Begin>
auto item_at(const Items& items, uint64_t address, Begin begin) {
  auto next = std::upper_bound(items.begin(), items.end(), address,
                               [&](uint64_t a, const auto& item) { return a < begin(item); });
  return next == items.begin() ? items.end() : std::prev(next);
}

}  // namespace

CoreFile::CoreFile(const std::string& path, const std::string& executable)
    : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  if (fd_ < 0) {
    throw Error(path, std::string("cannot be opened: ") + std::strerror(errno), kGiveCore);
  }
  try {
    read_segments();
    if (threads_.empty()) {
      throw Error(path_, "names no threads of a 64-bit x86 process", kGiveCore);
    }
    place_executable(executable);
    if (vdso_ != 0) {
      Mapping vdso{vdso_, vdso_ + kVdsoBytes, 0, "[vdso]", ""};
      mappings_.insert(std::upper_bound(mappings_.begin(), mappings_.end(), vdso_,
                                        [](uint64_t a, const Mapping& m) { return a < m.start; }),
                       vdso);
    }
    modules_ = find_modules(mappings_, memory_);
    for (TargetThread& thread : threads_) name_restarted_call(*thread.registers, memory_);
  } catch (...) {
    close(fd_);
    throw;
  }
}

CoreFile::~CoreFile() {
  for (const auto& [name, fd] : files_) {
    if (fd >= 0) close(fd);
  }
  close(fd_);
}

void CoreFile::read_segments() {
  const std::vector<Elf64_Phdr> all = core_segments(fd_);
  if (all.empty()) throw Error(path_, "is no core file of this machine", kGiveCore);
  for (const Elf64_Phdr& segment : all) {
    if (segment.p_type == PT_LOAD) segments_.push_back(segment);
  }
  const auto by_address = [](const auto& a, const auto& b) { return a.p_vaddr < b.p_vaddr; };
  std::sort(segments_.begin(), segments_.end(), by_address);
  for (const Elf64_Phdr& segment : all) {
    if (segment.p_type == PT_NOTE) read_notes(segment);
  }
}

void CoreFile::read_notes(const Elf64_Phdr& segment) {
  if (segment.p_filesz > kMostNoteBytes) return;
  std::vector<char> notes(segment.p_filesz);
  if (!read_at(fd_, notes.data(), notes.size(), segment.p_offset)) {
    throw Error(path_, "is truncated: its notes are missing", "copy the whole file again");
  }
  Elf64_Nhdr header;
  for (size_t at = 0; load(notes.data(), notes.size(), at, header);) {
    const size_t name = at + sizeof header;
    const size_t contents = name + (size_t{header.n_namesz} + 3) / 4 * 4;
    const size_t next = contents + (size_t{header.n_descsz} + 3) / 4 * 4;
    if (next > notes.size()) return;
    read_note(header.n_type, std::string(&notes[name], header.n_namesz), &notes[contents],
              header.n_descsz);
    at = next;
  }
}

void CoreFile::read_note(uint32_t type, const std::string& name, const char* data, size_t bytes) {
  if (!name.starts_with("CORE")) return;
  elf_prstatus status;
  elf_prpsinfo process;
  if (type == NT_PRSTATUS && bytes == sizeof status) {
    std::memcpy(&status, data, sizeof status);
    read_thread(status);
  } else if (type == NT_PRPSINFO && bytes == sizeof process) {
    std::memcpy(&process, data, sizeof process);
    pid_ = static_cast<uint32_t>(process.pr_pid);
    command_.assign(process.pr_psargs, strnlen(process.pr_psargs, sizeof process.pr_psargs));
    while (command_.ends_with(' ')) command_.pop_back();
  } else if (type == NT_FILE) {
    read_files(data, bytes);
  } else if (type == NT_AUXV) {
    read_auxiliary(data, bytes);
  }
}

void CoreFile::read_thread(const elf_prstatus& status) {
  user_regs_struct user;
  static_assert(sizeof user == sizeof status.pr_reg);
  std::memcpy(&user, &status.pr_reg, sizeof user);
  // The first thread is the one the signal was for. gcore stops with a trap.
  const int signal = status.pr_cursig;
  if (threads_.empty() && signal != SIGTRAP && signal != SIGSTOP) signal_ = signal;
  TargetThread thread;
  thread.tid = static_cast<uint32_t>(status.pr_pid);
  thread.registers = registers_of(user);
  threads_.push_back(std::move(thread));
}

// Count, page size, then (start, end, page of the file) of each, then all names, NUL-terminated.
void CoreFile::read_files(const char* data, size_t bytes) {
  uint64_t count = 0;
  uint64_t page = 0;
  if (!load(data, bytes, 0, count) || !load(data, bytes, 8, page) || count > bytes / 24) return;
  size_t name = 16 + count * 24;
  for (uint64_t i = 0; i < count && name < bytes; ++i) {
    Mapping mapping;
    load(data, bytes, 16 + i * 24, mapping.start);
    load(data, bytes, 24 + i * 24, mapping.end);
    load(data, bytes, 32 + i * 24, mapping.offset);
    mapping.offset *= page;
    const size_t length = strnlen(data + name, bytes - name);
    mapping.path.assign(data + name, length);
    name += length + 1;
    mappings_.push_back(std::move(mapping));
  }
  std::sort(mappings_.begin(), mappings_.end(),
            [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
}

void CoreFile::read_auxiliary(const char* data, size_t bytes) {
  Elf64_auxv_t entry;
  for (size_t at = 0; load(data, bytes, at, entry); at += sizeof entry) {
    if (entry.a_type == AT_ENTRY) entry_ = entry.a_un.a_val;
    if (entry.a_type == AT_SYSINFO_EHDR) vdso_ = entry.a_un.a_val;
  }
}

void CoreFile::place_executable(const std::string& executable) {
  const auto start = [](const Mapping& m) { return m.start; };
  const auto found = item_at(mappings_, entry_, start);
  if (found != mappings_.end() && entry_ < found->end) executable_ = found->path;
  if (executable.empty()) return;
  if (access(executable.c_str(), R_OK) != 0) {
    throw Error(executable, std::strerror(errno), "give the executable that the core is of");
  }
  if (executable_.empty()) {
    throw Error(path_, "does not say where its executable was", "leave --exe out");
  }
  for (Mapping& mapping : mappings_) {
    if (mapping.path == executable_) mapping.file = executable;
  }
}

int CoreFile::descriptor_of(const Mapping& mapping) const {
  const std::string& name = mapping.file.empty() ? mapping.path : mapping.file;
  const auto [entry, added] = files_.try_emplace(name, -1);
  if (added && name.starts_with('/')) {
    const int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status {};
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
      entry->second = fd;
    } else if (fd >= 0) {
      close(fd);
    }
  }
  return entry->second;
}

bool CoreFile::fetch(uint64_t address,
                     std::array<std::byte, ProcessMemory::kPageBytes>& page) const {
  const auto segment = item_at(segments_, address, [](const Elf64_Phdr& s) { return s.p_vaddr; });
  if (segment != segments_.end() && address - segment->p_vaddr < segment->p_filesz) {
    const uint64_t at = address - segment->p_vaddr;
    page.fill(std::byte{0});
    return read_at(fd_, page.data(), std::min<uint64_t>(page.size(), segment->p_filesz - at),
                   segment->p_offset + at);
  }
  const auto mapping = item_at(mappings_, address, [](const Mapping& m) { return m.start; });
  if (mapping == mappings_.end() || address >= mapping->end) return false;
  const int fd = descriptor_of(*mapping);
  if (fd < 0) return false;
  page.fill(std::byte{0});
  // The last page of a file is filled up with zeros.
  return pread(fd, page.data(), page.size(),
               static_cast<off_t>(mapping->offset + (address - mapping->start))) > 0;
}

}  // namespace mla
