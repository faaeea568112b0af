// Any bytes read as a core file: an Error, or the stacks of its threads; never more than the file
// can hold.
#include <fcntl.h>
#include <unistd.h>

#include "fuzz/memory_file.h"
#include "reader/core.h"
#include "reader/error.h"
#include "stacks/stacks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mla::test::MemoryFile file(data, size);
  const int fd = open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  MLA_REQUIRE(fd >= 0);
  const std::vector<Elf64_Phdr> segments = mla::core_segments(fd);
  if (const auto part = mla::find_recording_in_core(fd, segments)) MLA_REQUIRE(part->bytes > 0);
  mla::recording_named_in_core(fd, segments);
  close(fd);
  try {
    const mla::ProcessStacks stacks = mla::read_core_stacks(file.path(), "", {});
    for (const mla::ThreadStack& thread : stacks.threads) {
      MLA_REQUIRE(thread.stack.native < stacks.snapshot.nodes.size());
    }
  } catch (const mla::Error& error) {
    MLA_REQUIRE(*error.what() != '\0');
  }
  return 0;
}
