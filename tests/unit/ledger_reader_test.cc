#include <gtest/gtest.h>

#include <cstring>

#include "ledger/ledger.h"
#include "reader/reader.h"
#include "support/segment_builder.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

class LedgerReader : public testing::Test {
 protected:
  Snapshot read() {
    const std::string path = directory_.path() + "/a.mla";
    builder_.write(path);
    return read_snapshot(path);
  }
  format::LedgerRecord& record(uint32_t slot, uint64_t t_ns, uint64_t heap) {
    format::LedgerRecord& r = builder_.ledger().record[slot];
    r.heap_resident = heap;
    r.rss_begin = r.rss_end = heap;
    r.t_ns = t_ns;
    return r;
  }

  test::TemporaryDirectory directory_;
  test::SegmentBuilder builder_;
};

TEST_F(LedgerReader, RecordsAreInTimeOrder) {
  record(3, 30, 300);
  record(1, 10, 100);
  record(2, 20, 200);
  const Snapshot snapshot = read();
  ASSERT_EQ(snapshot.ledger.size(), 3);
  EXPECT_EQ(snapshot.ledger[0].heap, 100);
  EXPECT_EQ(snapshot.ledger[2].heap, 300);
  EXPECT_TRUE(snapshot.damage.empty());
}

TEST_F(LedgerReader, SitesAndFilesAreThoseOfTheLastRecord) {
  const uint32_t heap = builder_.site(builder_.node(0, 0x401000));
  const uint32_t reserved = builder_.site(builder_.node(0, 0x402000), format::SiteKind::kMapping);
  builder_.counter(heap, 1, 100);
  record(0, 10, 100).detail = 1;
  record(1, 20, 100).detail = 2;
  format::LedgerDetail& detail = builder_.ledger().detail[1];
  detail.site[0] = {heap, 0, 77, 0};
  detail.site[5] = {reserved, 0, 0, 99};  // it has no event of its own
  detail.file[3].resident = 5;
  std::strcpy(detail.file[3].path, "/usr/lib/x.so");
  detail.t_ns = 20;
  const Snapshot snapshot = read();
  ASSERT_EQ(snapshot.held.size(), 2);
  EXPECT_EQ(snapshot.held[0].resident, 99);
  EXPECT_EQ(snapshot.held[1].pinned, 77);
  EXPECT_EQ(snapshot.sites[snapshot.held[1].site_index].id, heap);
  EXPECT_EQ(snapshot.sites[snapshot.held[0].site_index].id, reserved);
  ASSERT_EQ(snapshot.files.size(), 1);
  EXPECT_EQ(snapshot.files[0].path, "/usr/lib/x.so");
}

TEST_F(LedgerReader, ATableOfAnotherWalkIsLeftOut) {
  record(0, 10, 100).detail = 1;
  format::LedgerDetail& detail = builder_.ledger().detail[0];
  detail.file[0].resident = 5;
  detail.t_ns = 30;  // overwritten by a walk that was killed before its record was published
  EXPECT_TRUE(read().files.empty());
}

TEST_F(LedgerReader, LiesAreLeftOut) {
  record(0, 10, 100).detail = 1;
  format::LedgerDetail& detail = builder_.ledger().detail[0];
  detail.site[0] = {123456, 0, 1, 1};
  std::memset(detail.file[0].path, 'x', sizeof detail.file[0].path);  // no end
  detail.file[0].resident = 1;
  detail.t_ns = 10;
  record(1, 20, ~uint64_t{0});
  record(2, 5, 50).detail = 99;
  const Snapshot snapshot = read();
  ASSERT_EQ(snapshot.ledger.size(), 2);
  EXPECT_TRUE(snapshot.held.empty());
  EXPECT_FALSE(snapshot.damage.empty());
}

TEST_F(LedgerReader, RssOfADeadProcessIsTheLastRecorded) {
  record(0, 10, 100);
  builder_.tick(0, 5, 500, 50);
  EXPECT_EQ(last_recorded_memory(read()).rss_bytes, 100);
  builder_.tick(1, 15, 700, 50);
  EXPECT_EQ(last_recorded_memory(read()).rss_bytes, 700);
}

}  // namespace
}  // namespace mla
