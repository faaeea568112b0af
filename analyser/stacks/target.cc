#include "stacks/target.h"

#include <elf.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "symbols/elf_file.h"

namespace mla {

namespace {

constexpr uint64_t kMostHeaders = 64;
constexpr uint64_t kMostNotes = 64 * 1024;

std::string build_id_in(const std::vector<std::byte>& notes) {
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    Elf64_Nhdr header;
    std::memcpy(&header, &notes[at], sizeof header);
    const size_t name = at + sizeof header;
    const size_t contents = name + (header.n_namesz + size_t{3}) / 4 * 4;
    const size_t next = contents + (header.n_descsz + size_t{3}) / 4 * 4;
    if (next > notes.size() || next <= at) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
        std::memcmp(&notes[name], "GNU", 4) == 0) {
      return to_hex(&notes[contents], header.n_descsz);
    }
    at = next;
  }
  return "";
}

bool is_elf_of_this_machine(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_machine == EM_X86_64 && header.e_phentsize == sizeof(Elf64_Phdr) &&
         header.e_phnum <= kMostHeaders;
}

std::optional<LoadedModule> module_at(const Mapping& first, ProcessMemory& memory) {
  Elf64_Ehdr header;
  if (!memory.load(first.start, header) || !is_elf_of_this_machine(header)) return std::nullopt;
  std::vector<Elf64_Phdr> parts(header.e_phnum);
  if (!memory.read(first.start + header.e_phoff, parts.data(), parts.size() * sizeof parts[0])) {
    return std::nullopt;
  }
  constexpr uint64_t kPage = ProcessMemory::kPageBytes;
  LoadedModule module;
  uint64_t lowest = UINT64_MAX;
  uint64_t highest = 0;
  for (const Elf64_Phdr& part : parts) {
    if (part.p_type != PT_LOAD) continue;
    lowest = std::min(lowest, part.p_vaddr / kPage * kPage);
    highest = std::max(highest, part.p_vaddr + part.p_memsz);
  }
  if (lowest > highest) return std::nullopt;
  module.info.path = first.path;
  module.info.file = first.file;
  module.info.bias = first.start - lowest;
  module.info.start = first.start;
  module.info.end = (highest + module.info.bias + kPage - 1) / kPage * kPage;
  for (const Elf64_Phdr& part : parts) {
    const uint64_t start = part.p_vaddr + module.info.bias;
    if (part.p_type == PT_LOAD && (part.p_flags & PF_W) != 0) {
      module.data.push_back({start, start + part.p_memsz});
    }
    if (part.p_type == PT_NOTE && part.p_memsz <= kMostNotes && module.info.build_id.empty()) {
      std::vector<std::byte> notes(part.p_memsz);
      if (memory.read(start, notes.data(), notes.size())) {
        module.info.build_id = build_id_in(notes);
      }
    }
  }
  return module;
}

}  // namespace

Registers registers_of(const user_regs_struct& user) {
  Registers r;
  r.dwarf = {user.rax, user.rdx, user.rcx, user.rbx, user.rsi, user.rdi,
             user.rbp, user.rsp, user.r8,  user.r9,  user.r10, user.r11,
             user.r12, user.r13, user.r14, user.r15, user.rip};
  r.thread_pointer = user.fs_base;
  // Set on the way out of a system call, -1 when the thread was stopped elsewhere.
  r.system_call = static_cast<int64_t>(user.orig_rax);
  if (r.system_call >= 0) {
    r.arguments = {user.rdi, user.rsi, user.rdx, user.r10, user.r8, user.r9};
  }
  return r;
}

void name_restarted_call(Registers& registers, ProcessMemory& memory) {
  if (registers.system_call != SYS_restart_syscall) return;
  constexpr size_t kWindow = 24;
  constexpr size_t kMove = 5;     // mov $NUMBER, %eax
  constexpr size_t kSyscall = 2;  // syscall
  constexpr uint8_t kMoveToEax = 0xb8;
  constexpr uint32_t kMostCalls = 1024;
  std::array<uint8_t, kWindow> code{};
  if (!memory.load(registers.program_counter() - kWindow, code)) return;
  for (size_t at = kWindow - kSyscall - kMove + 1; at-- > 0;) {
    uint32_t number = 0;
    std::memcpy(&number, &code[at + 1], sizeof number);
    if (code[at] == kMoveToEax && number < kMostCalls && number != SYS_restart_syscall) {
      registers.system_call = number;
      return;
    }
  }
}

std::vector<LoadedModule> find_modules(const std::vector<Mapping>& mappings,
                                       ProcessMemory& memory) {
  std::vector<LoadedModule> modules;
  for (const Mapping& mapping : mappings) {
    const bool image = mapping.path.starts_with('/') || mapping.path == "[vdso]";
    if (!image || mapping.offset != 0) continue;
    ModuleInfo* last = modules.empty() ? nullptr : &modules.back().info;
    const bool inside = last != nullptr && mapping.start < last->end;
    if (inside && mapping.path == last->path) continue;
    auto module = module_at(mapping, memory);
    if (!module) continue;
    // Of a file that is mapped as data the headers say nothing of how far it reaches.
    if (inside) last->end = mapping.start;
    modules.push_back(std::move(*module));
  }
  return modules;
}

}  // namespace mla
