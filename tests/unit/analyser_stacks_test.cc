// What mla stacks reads of a process, without one: memory, states, restarted calls, core files.
#include <elf.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/procfs.h>
#include <sys/syscall.h>

#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "format/format.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "stacks/core_file.h"
#include "stacks/stacks.h"
#include "stacks/thread_state.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

class FakeMemory : public ProcessMemory {
 public:
  void put(uint64_t address, const std::string& bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint64_t at = address + i;
      pages_[at / kPageBytes * kPageBytes][at % kPageBytes] = static_cast<std::byte>(bytes[i]);
    }
  }
  int fetched = 0;

 private:
  bool fetch(uint64_t address, Page& page) override {
    ++fetched;
    const auto found = pages_.find(address);
    if (found == pages_.end()) return false;
    page = found->second;
    return true;
  }
  std::map<uint64_t, Page> pages_;
};

TEST(ProcessMemory, ReadsEachPageOnceAndWholeRangesOnly) {
  FakeMemory memory;
  memory.put(0x1ffc, "12345678");
  std::string text(8, '?');
  EXPECT_TRUE(memory.read(0x1ffc, text.data(), text.size()));
  EXPECT_EQ(text, "12345678");
  memory.put(0x1ffc, "later");
  EXPECT_TRUE(memory.read(0x1ffc, text.data(), text.size()));
  EXPECT_EQ(text, "12345678");
  EXPECT_EQ(memory.fetched, 2);
  EXPECT_FALSE(memory.read(0x2ffc, text.data(), text.size()));
  EXPECT_FALSE(memory.read(UINT64_MAX - 3, text.data(), text.size()));
}

ThreadState state_in(int64_t call, uint64_t first, uint64_t second, const PythonStacks& python) {
  TargetThread thread;
  thread.state = 'S';
  thread.registers.emplace();
  thread.registers->system_call = call;
  thread.registers->arguments = {first, second};
  return state_of(thread, python);
}

TEST(ThreadStates, FollowFromTheSystemCall) {
  PythonStacks python;
  python.gils.push_back({0x5000, 0x50d0});
  const auto activity = [&](int64_t call, uint64_t first = 0, uint64_t second = 0) {
    return state_in(call, first, second, python).activity;
  };
  EXPECT_EQ(activity(-1), Activity::kRunning);
  EXPECT_EQ(activity(SYS_futex, 0x5010, FUTEX_WAIT_PRIVATE), Activity::kGil);
  EXPECT_EQ(activity(SYS_futex, 0x50d0, FUTEX_WAIT_PRIVATE), Activity::kLock);
  EXPECT_EQ(activity(SYS_futex, 0x5010, FUTEX_WAKE_PRIVATE), Activity::kSystemCall);
  EXPECT_EQ(activity(SYS_select, 0), Activity::kSleep);
  EXPECT_EQ(activity(SYS_select, 3), Activity::kPoll);
  EXPECT_EQ(activity(SYS_poll, 0x1000, 0), Activity::kSleep);
  EXPECT_EQ(activity(SYS_poll, 0x1000, 1), Activity::kPoll);
  EXPECT_EQ(activity(SYS_epoll_wait, 0, 0), Activity::kPoll);
  EXPECT_EQ(state_words(state_in(SYS_epoll_pwait, 3, 0, python)), "in epoll");
  EXPECT_EQ(state_words(state_in(SYS_read, 3, 0, python)), "in I/O: read");
  EXPECT_EQ(state_words(state_in(999, 3, 0, python)), "in system call 999");
}

TEST(ThreadStates, WithoutRegisters) {
  TargetThread thread;
  thread.state = 'D';
  EXPECT_EQ(state_of(thread, {}).activity, Activity::kKernel);
  thread.state = 'Z';
  EXPECT_EQ(state_of(thread, {}).activity, Activity::kEnded);
}

TEST(RestartedCalls, AreNamedByTheirInstructions) {
  const auto named = [](const std::string& code) {
    FakeMemory memory;
    memory.put(0x1000, std::string(64, '\x90') + code);
    Registers registers;
    registers.system_call = SYS_restart_syscall;
    registers.dwarf[16] = 0x1000 + 64 + code.size();
    name_restarted_call(registers, memory);
    return registers.system_call;
  };
  const std::string call("\x0f\x05", 2);
  EXPECT_EQ(named(std::string("\xb8\xca\0\0\0", 5) + call), SYS_futex);
  EXPECT_EQ(named(std::string("\xb8\x07\0\0\0\x31\xd2", 7) + call), SYS_poll);
  EXPECT_EQ(named(std::string("\xb8\xca\0\xff\0", 5) + call), SYS_restart_syscall);
  EXPECT_EQ(named(call), SYS_restart_syscall);
}

// A core file made by hand.
class Cores : public testing::Test {
 protected:
  template <class T>
  static std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  static std::string note(uint32_t type, std::string contents) {
    const Elf64_Nhdr header{5, static_cast<Elf64_Word>(contents.size()), type};
    contents.resize((contents.size() + 3) / 4 * 4);
    return bytes_of(header) + std::string("CORE\0\0\0\0", 8) + contents;
  }
  static std::string thread_note(int32_t tid) {
    elf_prstatus status{};
    status.pr_pid = tid;
    status.pr_cursig = SIGSEGV;
    return note(NT_PRSTATUS, bytes_of(status));
  }
  // Notes, then the contents of one mapping at 0x10000.
  static std::string core_of(const std::string& notes, const std::string& memory) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    Elf64_Phdr of_notes{};
    of_notes.p_type = PT_NOTE;
    of_notes.p_offset = sizeof header + 2 * sizeof(Elf64_Phdr);
    of_notes.p_filesz = notes.size();
    Elf64_Phdr of_memory{};
    of_memory.p_type = PT_LOAD;
    of_memory.p_vaddr = 0x10000;
    of_memory.p_offset = of_notes.p_offset + notes.size();
    of_memory.p_filesz = memory.size();
    of_memory.p_memsz = memory.size();
    return bytes_of(header) + bytes_of(of_notes) + bytes_of(of_memory) + notes + memory;
  }
  std::string write(const std::string& contents) {
    std::string path = directory_.path() + "/core";
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Cores, ThreadsAndMemory) {
  const std::string path = write(core_of(thread_note(11) + thread_note(12), "some memory"));
  CoreFile core(path, "");
  ASSERT_EQ(core.threads().size(), 2U);
  EXPECT_EQ(core.threads()[1].tid, 12U);
  EXPECT_EQ(core.signal(), SIGSEGV);
  std::string text(11, '?');
  EXPECT_TRUE(core.memory().read(0x10000, text.data(), text.size()));
  EXPECT_EQ(text, "some memory");
  EXPECT_FALSE(core.memory().read(0x20000, text.data(), text.size()));
}

TEST_F(Cores, CutAnywhereIsAnErrorOrWhatIsLeft) {
  const std::string whole = core_of(thread_note(11), "some memory");
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string path = write(whole.substr(0, length));
    try {
      CoreFile core(path, "");
      EXPECT_EQ(core.threads().size(), 1U);
    } catch (const Error& error) {
      EXPECT_EQ(error.subject(), path);
    }
  }
}

TEST_F(Cores, FilesThatCannotBe) {
  std::string files;
  for (const uint64_t word : {UINT64_MAX, uint64_t{4096}, uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    files += bytes_of(word);
  }
  EXPECT_EQ(
      CoreFile(write(core_of(note(NT_FILE, files) + thread_note(1), "m")), "").threads().size(),
      1U);
  std::memset(files.data(), 0, 8);
  files[0] = 1;  // its name is missing
  EXPECT_EQ(
      CoreFile(write(core_of(note(NT_FILE, files) + thread_note(1), "m")), "").threads().size(),
      1U);
}

TEST_F(Cores, WithoutThreadsAreRefused) {
  EXPECT_THROW(CoreFile(write(core_of("", "m")), ""), Error);
  EXPECT_THROW(read_core_stacks(write("no core"), "", {}), Error);
}

TEST_F(Cores, ARecordingInOneIsReadLikeAFile) {
  // Its header says that it is cut short: read as a recording, refused as one.
  std::string segment(format::kBlockBytes, '\0');
  std::memcpy(segment.data(), &format::kMagic, sizeof format::kMagic);
  const std::string path = write(core_of(thread_note(1), segment));
  try {
    read_snapshot(path);
    FAIL() << "read";
  } catch (const Error& error) {
    EXPECT_NE(error.why().find("format version"), std::string::npos) << error.what();
  }
}

TEST_F(Cores, WithoutARecordingSayWhichFileHadIt) {
  const std::string named = std::string("x\0/run/mla-a-1-2.mla\0y", 22);
  const auto why = [this](const std::string& notes) {
    try {
      read_snapshot(write(core_of(notes, "m")));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(why(note(NT_FILE, named)).find("/run/mla-a-1-2.mla"), std::string::npos);
  EXPECT_NE(why(thread_note(1)).find("no recording in it"), std::string::npos);
}

}  // namespace
}  // namespace mla
