#include "stacks/unwinder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "reader/error.h"
#include "symbols/elf_file.h"

namespace mla {

namespace {

constexpr pid_t kAnyThread = 1;  // libdw wants a number; registers say which one is meant
constexpr uint64_t kMostImageBytes = 64 * 1024;

// Frames are found by .eh_frame alone, which all code of this machine has.
int no_debug_info(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                  GElf_Word, char**) {
  return -1;
}

int add_frame(Dwfl_Frame* frame, void* argument) {
  auto& stack = *static_cast<NativeStack*>(argument);
  Dwarf_Addr pc = 0;
  bool exact = false;
  if (!dwfl_frame_pc(frame, &pc, &exact)) return -1;
  if (stack.frames.size() == Unwinder::kMostFrames) return -1;
  stack.frames.push_back({pc, exact});
  return DWARF_CB_OK;
}

}  // namespace

int Unwinder::find_elf(Dwfl_Module*, void** user, const char*, Dwarf_Addr, char** file_name,
                       Elf** elf) {
  auto& module = *static_cast<Module*>(*user);
  const ModuleInfo& info = module.loaded->info;
  if (!info.path.starts_with('/')) {
    if (info.end - info.start > kMostImageBytes) return -1;
    module.image.resize(info.end - info.start);
    if (!module.memory->read(info.start, module.image.data(), module.image.size())) return -1;
    *elf = elf_memory(module.image.data(), module.image.size());
    return -1;
  }
  const std::string& path = info.file.empty() ? info.path : info.file;
  const auto file = ElfFile::open(path);
  if (!file || (!info.build_id.empty() && file->build_id() != info.build_id)) return -1;
  *file_name = strdup(path.c_str());
  return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

Dwfl_Thread_Callbacks Unwinder::thread_callbacks() {
  Dwfl_Thread_Callbacks callbacks{};
  callbacks.next_thread = [](Dwfl*, void*, void**) { return pid_t{0}; };
  callbacks.get_thread = [](Dwfl*, pid_t, void* self, void** thread) {
    *thread = self;
    return true;
  };
  callbacks.memory_read = [](Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* self) {
    return static_cast<Unwinder*>(self)->memory_.load(address, *result);
  };
  callbacks.set_initial_registers = [](Dwfl_Thread* thread, void* self) {
    const Registers& registers = *static_cast<Unwinder*>(self)->registers_;
    return dwfl_thread_state_registers(thread, 0, Registers::kDwarfCount, registers.dwarf.data());
  };
  return callbacks;
}

Unwinder::Unwinder(uint32_t pid, const std::vector<LoadedModule>& modules, ProcessMemory& memory)
    : memory_(memory), modules_(modules.size()) {
  static const Dwfl_Callbacks kCallbacks{find_elf, no_debug_info, nullptr, nullptr};
  static const Dwfl_Thread_Callbacks kThreadCallbacks = thread_callbacks();
  dwfl_ = dwfl_begin(&kCallbacks);
  if (dwfl_ == nullptr) throw std::bad_alloc();
  dwfl_report_begin(dwfl_);
  for (size_t i = 0; i < modules.size(); ++i) {
    modules_[i].loaded = &modules[i];
    modules_[i].memory = &memory;
    const ModuleInfo& info = modules[i].info;
    Dwfl_Module* module = dwfl_report_module(dwfl_, info.path.c_str(), info.start, info.end);
    void** user = nullptr;
    if (module == nullptr) continue;
    dwfl_module_info(module, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    *user = &modules_[i];
  }
  dwfl_report_end(dwfl_, nullptr, nullptr);
  if (!dwfl_attach_state(dwfl_, nullptr, kAnyThread, &kThreadCallbacks, this)) {
    const std::string why = dwfl_errmsg(-1);
    dwfl_end(dwfl_);
    throw Error("pid " + std::to_string(pid), "its stacks cannot be unwound: " + why,
                "check that its executable and libraries can be read");
  }
}

Unwinder::~Unwinder() { dwfl_end(dwfl_); }

NativeStack Unwinder::unwind(const Registers& registers) {
  registers_ = &registers;
  NativeStack stack;
  stack.complete = dwfl_getthread_frames(dwfl_, kAnyThread, add_frame, &stack) == 0;
  if (stack.frames.empty()) stack.frames.push_back({registers.program_counter(), true});
  return stack;
}

}  // namespace mla
