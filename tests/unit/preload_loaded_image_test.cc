#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "segment/loaded_image.h"

namespace mla {
namespace {

constexpr uintptr_t kPage = 4096;

// Headers of a file of two readable parts and one that is not, with pages of nobody between.
class LoadedImage : public testing::Test {
 protected:
  LoadedImage() : bytes_(8 * kPage) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 4;
    std::memcpy(bytes_.data(), &header, sizeof header);
    set_part(0, PT_LOAD, PF_R, 0x10000, kPage + 8);
    set_part(1, PT_LOAD, PF_X, 0x10000 + 3 * kPage, kPage);
    set_part(2, PT_NOTE, PF_R, 0x10000 + 4 * kPage, kPage);
    set_part(3, PT_LOAD, PF_R | PF_W, 0x10000 + 6 * kPage, 5 * kPage);
  }
  void set_part(size_t i, uint32_t type, uint32_t flags, uint64_t address, uint64_t bytes) {
    Elf64_Phdr part{};
    part.p_type = type;
    part.p_flags = flags;
    part.p_vaddr = address;
    part.p_memsz = bytes;
    std::memcpy(&bytes_[sizeof(Elf64_Ehdr) + i * sizeof part], &part, sizeof part);
  }
  uintptr_t at(uintptr_t offset) const {
    return reinterpret_cast<uintptr_t>(bytes_.data()) + offset;
  }
  AddressRange image() const { return {at(0), at(bytes_.size())}; }
  void expect_part(uintptr_t around, uintptr_t low, uintptr_t high) const {
    const AddressRange part = readable_part(image(), at(around));
    EXPECT_EQ(part.low - at(0), low);
    EXPECT_EQ(part.high - at(0), high);
  }
  void expect_none(uintptr_t around) const {
    EXPECT_EQ(readable_part(image(), at(around)).high, 0U) << around;
  }

  std::vector<uint8_t> bytes_;
};

TEST_F(LoadedImage, IsReadableWhereItsHeadersSay) {
  expect_part(0, 0, kPage + 8);
  expect_part(kPage + 7, 0, kPage + 8);
  expect_part(6 * kPage, 6 * kPage, 8 * kPage);  // no further than it is mapped
}

TEST_F(LoadedImage, IsNotReadableElsewhere) {
  for (const uintptr_t offset : {kPage + 8, 3 * kPage, 4 * kPage, 5 * kPage, 8 * kPage}) {
    expect_none(offset);
  }
  expect_none(0 - kPage);
}

TEST_F(LoadedImage, IsReadableWholeWhenItsHeadersAreElsewhere) {
  bytes_[0] = 0;
  expect_part(4 * kPage, 0, 8 * kPage);
  expect_none(8 * kPage);
}

TEST_F(LoadedImage, HeadersBeyondItAreNotRead) {
  for (const uint64_t where : {uint64_t{kPage - 8}, ~uint64_t{0} - 100, uint64_t{1} << 40}) {
    std::memcpy(&bytes_[offsetof(Elf64_Ehdr, e_phoff)], &where, sizeof where);
    expect_part(4 * kPage, 0, 8 * kPage);
  }
}

TEST(AddressRange, HoldsAllOrNotAll) {
  const AddressRange range = {100, 200};
  EXPECT_TRUE(range.holds(100, 100));
  EXPECT_TRUE(range.holds(200, 0));
  EXPECT_FALSE(range.holds(100, 101));
  EXPECT_FALSE(range.holds(99, 1));
  EXPECT_FALSE(range.holds(150, ~uint64_t{0}));
  EXPECT_FALSE(AddressRange{}.holds(0));
}

}  // namespace
}  // namespace mla
