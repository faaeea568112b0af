// Builds segment files for tests, without a process: only what a test asks for, everything
// published. Raw records are within reach, so that a test can also break them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "format/format.h"

namespace mla::test {

class SegmentBuilder {
 public:
  SegmentBuilder() {
    blocks_.resize(format::kFirstTableBlock);
    for (auto& block : blocks_) block = std::make_unique<Block>();
    format::SegmentHeader& h = header();
    h.magic = format::kMagic;
    h.version = format::kVersion;
    h.header_bytes = sizeof(format::SegmentHeader);
    h.block_bytes = format::kBlockBytes;
    h.pointer_bytes = 8;
    h.state = static_cast<uint32_t>(format::State::kRecording);
    h.exit_code = -1;
    // No process has this pid (pid_max is at most 2^22).
    h.pid = 1U << 30;
    h.parent_pid = 1;
    h.page_bytes = 4096;
    h.start_realtime_ns = 1'700'000'000'000'000'000;
    h.start_monotonic_ns = 1'000'000'000;
    claimed(format::Table::kStrings) = 1;  // offset 0 is never a string
    claimed(format::Table::kModules) = 1;
    claimed(format::Table::kNodes) = 1;
    claimed(format::Table::kSites) = format::kFirstSite;
    claimed(format::Table::kPythonCode) = 1;
    h.exe = string("/usr/bin/server");
    h.argv =
        string(std::string("server\0--port\0"
                           "80\0",
                           17));
    h.allocator = string("ptmalloc2");
    h.allocator_version = string("2.36");
  }

  format::SegmentHeader& header() { return *at<format::SegmentHeader>(0, 0); }
  std::atomic<uint64_t>& claimed(format::Table table) {
    return header().claimed[static_cast<uint32_t>(table)];
  }

  // The record, with its block made if there is none; nothing is claimed.
  template <class Record>
  Record& record(format::Table table, uint64_t i) {
    const format::TableShape& shape = format::shape(table);
    auto& entry = header().directory[shape.directory_index + i / shape.records_per_block];
    if (entry == 0) {
      entry = static_cast<uint32_t>(blocks_.size());
      blocks_.push_back(std::make_unique<Block>());
    }
    return *at<Record>(entry, (i % shape.records_per_block) * shape.record_bytes);
  }

  uint64_t string(const std::string& text) {
    uint64_t offset = claimed(format::Table::kStrings);
    // A string never crosses a block.
    if (offset / format::kBlockBytes != (offset + text.size()) / format::kBlockBytes) {
      offset = (offset / format::kBlockBytes + 1) * format::kBlockBytes;
    }
    std::memcpy(&record<char>(format::Table::kStrings, offset), text.data(), text.size());
    claimed(format::Table::kStrings) = offset + text.size();
    return format::make_string_ref(static_cast<uint32_t>(offset),
                                   static_cast<uint32_t>(text.size()));
  }

  uint32_t module(const std::string& path, uint64_t start, uint64_t end, uint64_t bias,
                  const std::string& build_id_hex = "") {
    const uint64_t i = claimed(format::Table::kModules)++;
    auto& module = record<format::ModuleRecord>(format::Table::kModules, i);
    module.start = start;
    module.end = end;
    module.bias = bias;
    module.path = string(path);
    module.build_id_bytes = static_cast<uint32_t>(build_id_hex.size() / 2);
    for (uint32_t b = 0; b < module.build_id_bytes; ++b) {
      module.build_id[b] =
          static_cast<uint8_t>(std::stoul(build_id_hex.substr(size_t{b} * 2, 2), nullptr, 16));
    }
    module.state = 1;
    return static_cast<uint32_t>(i);
  }

  uint32_t node(uint32_t parent, uint64_t pc, uint32_t module = 0) {
    const uint64_t i = claimed(format::Table::kNodes)++;
    auto& node = record<format::NodeRecord>(format::Table::kNodes, i);
    node.parent = parent;
    node.module = module;
    node.pc = pc;
    return static_cast<uint32_t>(i);
  }

  format::BytesRef python_bytes(const std::string& text) {
    const uint64_t offset = claimed(format::Table::kPythonBytes);
    for (size_t i = 0; i < text.size(); ++i) {
      record<char>(format::Table::kPythonBytes, offset + i) = text[i];
    }
    claimed(format::Table::kPythonBytes) = offset + text.size();
    return format::make_string_ref(static_cast<uint32_t>(offset),
                                   static_cast<uint32_t>(text.size()));
  }

  uint32_t python_code(const std::string& file, const std::string& function, uint32_t first_line,
                       format::PythonLines lines_format = format::PythonLines::kNone,
                       const std::string& lines = "") {
    const uint64_t i = claimed(format::Table::kPythonCode)++;
    auto& code = record<format::PythonCodeRecord>(format::Table::kPythonCode, i);
    code.file = python_bytes(file);
    code.function = python_bytes(function);
    code.lines = python_bytes(lines);
    code.first_line = first_line;
    code.lines_format = static_cast<uint32_t>(lines_format);
    return static_cast<uint32_t>(i);
  }

  uint32_t site(uint32_t native, format::SiteKind kind = format::SiteKind::kHeap) {
    const uint64_t i = claimed(format::Table::kSites)++;
    auto& site = record<format::SiteRecord>(format::Table::kSites, i);
    site.native = native;
    site.kind = static_cast<uint32_t>(kind);
    return static_cast<uint32_t>(i);
  }

  void counter(uint32_t site, uint64_t alloc_count, uint64_t alloc_bytes, uint64_t freed_count = 0,
               uint64_t freed_bytes = 0) {
    const uint64_t i = claimed(format::Table::kCounters)++;
    auto& counter = record<format::CounterRecord>(format::Table::kCounters, i);
    counter.alloc_count = alloc_count;
    counter.alloc_bytes = alloc_bytes;
    counter.freed_count = freed_count;
    counter.freed_bytes = freed_bytes;
    counter.site = site;
  }

  void thread(uint32_t tid, const std::string& name) {
    const uint64_t i = claimed(format::Table::kThreads)++;
    auto& thread = record<format::ThreadRecord>(format::Table::kThreads, i);
    uint64_t words[2] = {};
    std::memcpy(words, name.data(), std::min(name.size(), sizeof words));
    thread.name[0] = words[0];
    thread.name[1] = words[1];
    thread.state = 1;
    thread.tid = tid;
  }

  void peak(uint32_t table, uint64_t total, uint64_t ns, uint32_t site, uint64_t bytes,
            uint64_t count) {
    const auto which = table == 1 ? format::Table::kPeakA : format::Table::kPeakB;
    auto& peak = record<format::PeakRecord>(which, site);
    peak.live_bytes = bytes;
    peak.live_count = count;
    auto& info = header().peak[table - 1];
    info.live_bytes = total;
    info.ns = ns;
    info.sites = site + 1;
    header().peak_table = table;
  }

  format::InheritedRecord& inherited(uint32_t site) {
    return record<format::InheritedRecord>(format::Table::kInherited, site);
  }

  format::TimelineRecord& timeline(uint32_t slot) {
    return *at<format::TimelineRecord>(format::kTimelineBlock,
                                       slot * sizeof(format::TimelineRecord));
  }
  void tick(uint32_t slot, uint64_t t_ns, uint64_t rss, uint64_t live) {
    timeline(slot).rss_bytes = rss;
    timeline(slot).live_bytes = live;
    timeline(slot).t_ns = t_ns;
  }

  void history(uint32_t column, uint64_t t_ns, uint32_t site, uint64_t live_bytes) {
    auto& at_time =
        *at<format::HistoryColumn>(format::kHistoryBlock, column * sizeof(format::HistoryColumn));
    format::HistoryRow& row = at_time.row[at_time.rows++];
    row.site = site;
    row.live_bytes = live_bytes;
    at_time.t_ns = t_ns;
  }

  format::LedgerPart& ledger() { return *at<format::LedgerPart>(format::kLedgerBlock, 0); }

  // The bytes of the file as they are now.
  std::string bytes() {
    header().blocks_used = static_cast<uint32_t>(blocks_.size());
    std::string result;
    for (const auto& block : blocks_) {
      result.append(reinterpret_cast<const char*>(block->bytes.data()), format::kBlockBytes);
    }
    return result;
  }

  void write(const std::string& path) { std::ofstream(path, std::ios::binary) << bytes(); }

 private:
  struct Block {
    alignas(64) std::array<std::byte, format::kBlockBytes> bytes{};
  };

  template <class T>
  T* at(uint64_t block, uint64_t offset) {
    // Blocks do not cross: the rings are several blocks, but none of their records crosses one.
    return reinterpret_cast<T*>(blocks_[block + offset / format::kBlockBytes]->bytes.data() +
                                offset % format::kBlockBytes);
  }

  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace mla::test
