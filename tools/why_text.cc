#include "why_text.h"

#include <algorithm>
#include <cmath>

#include "reader/names.h"
#include "report/recording_words.h"
#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kRowsShown = 3;
constexpr size_t kFramesShown = 8;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

std::string right(const std::string& text, size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
}

class WhyText {
 public:
  WhyText(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
          const Explanation& explanation, const WhyTextOptions& options)
      : out_(out),
        snapshot_(snapshot),
        symbolizer_(symbolizer),
        explanation_(explanation),
        ledger_(explanation.ledger),
        options_(options),
        style_(options.colour),
        width_(std::max<size_t>(options.width, 60)) {}

  void write() {
    write_header();
    write_buckets();
    write_numbers();
    write_rows("pinned by", ledger_.pinned, "block");
    write_rows("mapped by", ledger_.mappings, "mapping");
    write_files();
    write_advice();
    write_probe();
    write_warnings();
  }

 private:
  void write_header() {
    out_ << style_.bold() << cut_right(command_of(snapshot_.process), width_) << style_.off()
         << "\npid " << snapshot_.process.pid << ", " << status_name(snapshot_.status);
    if (!snapshot_.process.allocator.empty()) {
      out_ << ", "
           << printable(snapshot_.process.allocator + " " + snapshot_.process.allocator_version);
    }
    out_ << "; RSS " << human_bytes(ledger_.rss_bytes);
    if (explanation_.live) {
      out_ << " now";
    } else {
      out_ << " after " << human_seconds(seconds(ledger_.t_ns));
    }
    out_ << ", pages looked at ";
    if (explanation_.live) {
      out_ << human_seconds(
                  seconds(explanation_.now_ns - std::min(explanation_.now_ns, ledger_.walked_ns)))
           << " ago";
    } else {
      out_ << "after " << human_seconds(seconds(ledger_.walked_ns));
    }
    out_ << "\n\n"
         << style_.bold() << sentence_of(snapshot_, explanation_) << style_.off() << "\n\n";
  }

  void row(const std::string& name, uint64_t bytes, const char* sign, const std::string& colour) {
    constexpr size_t kName = 20;
    constexpr size_t kBytes = 11;
    constexpr size_t kTaken = 2 + kName + kBytes + 9 + 2;
    out_ << "  " << name << std::string(kName - std::min(kName, name.size()), ' ')
         << right(sign + human_bytes(bytes), kBytes) << ' '
         << right(sign + percent(bytes, ledger_.rss_bytes), 7);
    if (*sign != 0) {  // a bar would say that it is there
      out_ << '\n';
      return;
    }
    const double cells = static_cast<double>(width_ - kTaken) * static_cast<double>(bytes) /
                         static_cast<double>(std::max<uint64_t>(ledger_.rss_bytes, 1));
    const std::string drawn = bar(std::min(cells, static_cast<double>(width_ - kTaken)));
    if (!drawn.empty()) out_ << "  " << colour << drawn << style_.off();
    out_ << '\n';
  }

  std::string bar(double cells) const {
    static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto whole = static_cast<size_t>(cells);
    std::string text;
    for (size_t i = 0; i < whole; ++i) text += options_.utf8 ? "█" : "#";
    const auto rest = static_cast<size_t>((cells - static_cast<double>(whole)) * 8);
    if (options_.utf8) text += kEighths[std::min<size_t>(rest, 7)];
    return text;
  }

  void write_buckets() {
    for (size_t i = 0; i < kBucketKinds; ++i) {
      const auto kind = static_cast<BucketKind>(i);
      if (ledger_.bucket(kind) == 0) continue;
      const bool idle = kind == BucketKind::kFree || kind == BucketKind::kPinned ||
                        kind == BucketKind::kPythonFree;
      row(bucket_label(kind), ledger_.bucket(kind), "", idle ? style_.warn() : style_.good());
    }
    const auto residual = static_cast<uint64_t>(std::abs(ledger_.residual_bytes));
    row("residual", residual, ledger_.residual_bytes < 0 ? "-" : "", style_.dim());
    row("RSS", ledger_.rss_bytes, "", style_.dim());
    out_ << '\n';
  }

  void line(const std::string& text) { out_ << "  " << cut_right(text, width_ - 2) << '\n'; }

  void write_numbers() {
    if (ledger_.untouched_bytes != 0) {
      line("not resident: " + human_bytes(ledger_.untouched_bytes) +
           " of live blocks, never written or swapped out");
    }
    if (ledger_.pinned_pages != 0) {
      line(counted(ledger_.pinned_pages, "page") + " at least half free " +
           (ledger_.pinned_pages == 1 ? "is" : "are") + " kept by live blocks");
    }
    const LedgerPoint& walk = snapshot_.ledger.back();
    constexpr uint64_t kSameTime = 1'000'000'000;
    if (walk.statistics_ns != 0 && walk.t_ns < walk.statistics_ns + kSameTime) {
      const format::AllocatorStatistics& a = walk.allocator;
      std::string text = "the allocator says: " + human_bytes(a.allocated) + " given out";
      if (a.free_kept != 0) text += ", " + human_bytes(a.free_kept) + " free and kept";
      if (a.cached != 0) text += ", " + human_bytes(a.cached) + " in caches";
      if (a.returned != 0) text += ", " + human_bytes(a.returned) + " returned";
      line(text + " (after " + human_seconds(seconds(walk.statistics_ns)) + ")");
    }
    if (snapshot_.trim.count != 0) {
      line("trimmed " + counted(snapshot_.trim.count, "time") + ", last after " +
           human_seconds(seconds(snapshot_.trim.t_ns)) + ": RSS from " +
           human_bytes(snapshot_.trim.rss_before) + " to " + human_bytes(snapshot_.trim.rss_after));
    }
  }

  void write_rows(const std::string& title, const std::vector<HeldBySite>& rows,
                  const std::string& noun) {
    constexpr uint64_t kLeastShare = 100;  // a hundredth of RSS
    for (size_t i = 0; i < rows.size() && i < kRowsShown; ++i) {
      if (rows[i].bytes < ledger_.rss_bytes / kLeastShare) break;
      const Site& site = snapshot_.sites[rows[i].site_index];
      if (i == 0) out_ << '\n' << "  " << title << '\n';
      out_ << "  " << right(human_bytes(rows[i].bytes), 12) << "  "
           << counted(site.live_count, noun) << ", " << human_bytes(site.live_bytes) << " live\n"
           << "      " << cut_right(one_line_stack(symbolizer_, site, kFramesShown), width_ - 6)
           << '\n';
    }
  }

  void write_files() {
    constexpr uint64_t kLeastShare = 20;
    bool first = true;
    for (size_t i = 0; i < snapshot_.files.size() && i < kRowsShown; ++i) {
      const ResidentFile& file = snapshot_.files[i];
      if (file.resident < ledger_.rss_bytes / kLeastShare) break;
      if (first) out_ << '\n' << "  files\n";
      first = false;
      out_ << "  " << right(human_bytes(file.resident), 12) << "  "
           << cut_left(printable(file.path), width_ - 16) << '\n';
    }
  }

  void write_advice() {
    const std::vector<Advice>& advice = explanation_.finding.advice;
    if (advice.empty()) return;
    out_ << '\n' << style_.bold() << "  try" << style_.off() << '\n';
    for (size_t i = 0; i < advice.size(); ++i) {
      out_ << "  " << i + 1 << ". " << printable(advice[i].action) << "\n     " << style_.dim()
           << advice[i].reason << style_.off() << '\n';
    }
  }

  void write_probe() {
    if (!explanation_.probe) return;
    const Probe& probe = *explanation_.probe;
    const bool less = probe.rss_after < probe.rss_before;
    const uint64_t change =
        less ? probe.rss_before - probe.rss_after : probe.rss_after - probe.rss_before;
    out_ << "\n  probe: " << style_.bold() << "RSS " << human_bytes(probe.rss_before) << " -> "
         << human_bytes(probe.rss_after) << style_.off() << ": trimming gave back "
         << (less ? human_bytes(change) + ", " + percent(change, probe.rss_before) : "nothing")
         << ", in " << human_seconds(seconds(probe.took_ns)) << '\n';
  }

  void write_warnings() {
    std::vector<std::string> lines;
    if (snapshot_.sampling.was_off()) {
      lines.push_back(off_sentence(snapshot_.sampling) + "; what is free is at most what is shown");
    }
    if (ledger_.stale) {
      lines.push_back(
          "what is alive or resident has changed since the process looked at its pages: "
          "the parts of the heap are estimates");
    }
    if (!ledger_.heap_map) {
      lines.push_back(
          "not every block is recorded (sampling): pinned pages and rounding are in "
          "\"free, whole pages\"");
    }
    if (ledger_.incomplete) {
      lines.push_back("not all of the address space could be looked at: the residual has the rest");
    }
    if (lines.empty()) return;
    out_ << '\n';
    for (const std::string& text : lines) {
      out_ << "  " << style_.warn() << "note: " << style_.off() << text << '\n';
    }
  }

  std::ostream& out_;
  const Snapshot& snapshot_;
  Symbolizer& symbolizer_;
  const Explanation& explanation_;
  const Ledger& ledger_;
  const WhyTextOptions& options_;
  Style style_;
  size_t width_;
};

std::string of_rss(uint64_t bytes, const Ledger& ledger) {
  return human_bytes(bytes) + ", " + percent(bytes, ledger.rss_bytes) + " of RSS";
}

}  // namespace

const char* bucket_label(BucketKind kind) {
  static constexpr const char* kLabels[kBucketKinds] = {
      "live, as requested", "rounding",       "allocator's tables",  "free, pages pinned",
      "free, whole pages",  "pymalloc: live", "pymalloc: free",      "Python arenas",
      "other mappings",     "thread stacks",  "programs, libraries", "shared memory",
      "mla itself"};
  return kLabels[static_cast<size_t>(kind)];
}

std::string sentence_of(const Snapshot& snapshot, const Explanation& explanation) {
  const Ledger& ledger = explanation.ledger;
  const LiveGrowth& growth = explanation.finding.growth;
  switch (explanation.finding.diagnosis) {
    case Diagnosis::kLiveGrowth:
      return "Live growth: what is alive has grown by " + human_bytes(growth.bytes) + " in " +
             human_seconds(seconds(growth.to_ns - std::min(growth.from_ns, growth.to_ns))) + ".";
    case Diagnosis::kRetention:
      return "Retention: " + printable(snapshot.process.allocator) + " keeps " +
             of_rss(ledger.idle(), ledger) + ", free and resident; " +
             human_bytes(ledger.live_requested) + " are alive.";
    case Diagnosis::kPinned:
      return "Pinned pages: " + of_rss(ledger.bucket(BucketKind::kPinned), ledger) +
             ", are free but lie on pages that live blocks keep.";
    case Diagnosis::kPythonArenas:
      if (ledger.bucket(BucketKind::kPythonFree) != 0) {
        return "Python arenas: " + of_rss(ledger.bucket(BucketKind::kPythonFree), ledger) +
               ", is free in the arenas of CPython's small objects; " +
               human_bytes(ledger.object_live) + " of them are alive.";
      }
      return "Python arenas: " + of_rss(ledger.bucket(BucketKind::kPythonArenas), ledger) +
             ", hold CPython's small objects.";
    case Diagnosis::kStacks:
      return "Thread stacks: " + of_rss(ledger.bucket(BucketKind::kStacks), ledger) + ", in " +
             counted(ledger.stack_count, "stack") + ".";
    case Diagnosis::kMappings:
      return "Mappings: " + of_rss(ledger.bucket(BucketKind::kMappings), ledger) +
             ", were mapped by the program itself.";
    case Diagnosis::kFiles:
      return "Files: " + of_rss(ledger.bucket(BucketKind::kFiles), ledger) +
             ", are programs, libraries and mapped files.";
    case Diagnosis::kNotRecorded:
      return "Not known: " +
             of_rss(ledger.idle() + ledger.bucket(BucketKind::kPythonFree), ledger) +
             ", seem free, but may be blocks of while recording was off.";
    case Diagnosis::kNone:
      break;
  }
  if (snapshot.sampling.mode == SamplingMode::kOff) {
    return "Nothing stands out, but growth is not known: recording is switched off.";
  }
  return "Nothing stands out: what is resident is in use, and what is alive does not grow.";
}

void write_why_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                    const Explanation& explanation, const WhyTextOptions& options) {
  WhyText(out, snapshot, symbolizer, explanation, options).write();
}

}  // namespace mla
