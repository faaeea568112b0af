#include "diff_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "reader/names.h"
#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"
#include "why_text.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kName = 20;
constexpr size_t kFigure = 13;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

std::string right(const std::string& text, size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
}

std::string with_sign(int64_t value, const std::string& magnitude) {
  if (value == 0) return magnitude;
  return (value < 0 ? "-" : "+") + magnitude;
}

uint64_t size_of(int64_t value) { return static_cast<uint64_t>(std::abs(value)); }

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class DiffText {
 public:
  DiffText(std::ostream& out, const Diff& diff, Symbolizer& a, Symbolizer& b,
           const DiffTextOptions& options)
      : out_(out),
        diff_(diff),
        a_(a),
        b_(b),
        options_(options),
        style_(options.colour),
        width_(std::max<size_t>(options.width, 60)) {
    for (const DiffRow& row : diff.rows) {
      const Change change = change_of(row, options.order);
      if (change.bytes == 0) {
        ++unchanged_;
      } else {
        (change.within_error() ? uncertain_ : changed_).push_back(&row);
      }
    }
  }

  void write() {
    write_side('A', diff_.a);
    write_side('B', diff_.b);
    write_table();
    write_ledger();
    write_notes();
    write_sites();
    write_matching();
    write_warnings();
  }

 private:
  void write_side(char letter, const DiffSide& side) {
    const ProcessInfo& process = side.snapshot->process;
    out_ << style_.bold() << letter << "  " << cut_right(command_of(process), width_ - 3)
         << style_.off() << "\n   pid " << process.pid << ", " << status_name(side.snapshot->status)
         << ", figures after " << human_seconds(seconds(side.t_ns));
    if (!process.allocator.empty()) {
      out_ << ", " << printable(process.allocator + " " + process.allocator_version);
    }
    if (!process.python_version.empty()) out_ << ", Python " << printable(process.python_version);
    out_ << "\n   " << cut_left(printable(side.snapshot->path), width_ - 3) << '\n';
  }

  void row(const std::string& name, const std::string& a, const std::string& b, int64_t change,
           const std::string& magnitude, const std::string& note = "") {
    out_ << "  " << name << std::string(kName - std::min(kName, columns(name)), ' ')
         << right(a, kFigure) << right(b, kFigure) << "  " << colour(change)
         << right(with_sign(change, magnitude), kFigure) << style_.off();
    if (!note.empty()) out_ << "  " << note;
    out_ << '\n';
  }

  const char* colour(int64_t change) const {
    return change > 0 ? style_.bad() : change < 0 ? style_.good() : "";
  }

  void bytes_row(const std::string& name, uint64_t a, uint64_t b, const std::string& note = "") {
    const auto change = static_cast<int64_t>(b) - static_cast<int64_t>(a);
    row(name, human_bytes(a), human_bytes(b), change, human_bytes(size_of(change)), note);
  }

  void write_table() {
    const DiffSide& a = diff_.a;
    const DiffSide& b = diff_.b;
    out_ << '\n'
         << style_.dim() << "  " << std::string(kName, ' ') << right("A", kFigure)
         << right("B", kFigure) << "  " << right("change", kFigure) << style_.off() << '\n';
    const Change live = change_of_live(diff_);
    bytes_row("live", a.live_bytes, b.live_bytes, live.se < 1 ? "" : error_of(live));
    const auto blocks = static_cast<int64_t>(b.live_count) - static_cast<int64_t>(a.live_count);
    row("live blocks", with_commas(a.live_count), with_commas(b.live_count), blocks,
        with_commas(size_of(blocks)));
    if (a.peak_live_bytes && b.peak_live_bytes) {
      bytes_row("peak", *a.peak_live_bytes, *b.peak_live_bytes);
    }
    bytes_row("allocated", a.alloc_bytes, b.alloc_bytes);
    if (a.mapped_bytes != 0 || b.mapped_bytes != 0) {
      bytes_row("mapped", a.mapped_bytes, b.mapped_bytes);
    }
    if (a.rss_bytes && b.rss_bytes) bytes_row("RSS", *a.rss_bytes, *b.rss_bytes);
  }

  static std::string error_of(const Change& change) {
    std::string text = "± ";
    text += human_bytes(static_cast<uint64_t>(change.se));
    if (change.within_error()) text += ", within the sampling error";
    return text;
  }

  void write_ledger() {
    if (!diff_.a.ledger || !diff_.b.ledger) return;
    const Ledger& a = *diff_.a.ledger;
    const Ledger& b = *diff_.b.ledger;
    out_ << "\n" << style_.bold() << "RSS by bucket" << style_.off();
    if (diff_.moments) {
      out_ << ", as noted after " << human_seconds(seconds(a.t_ns)) << " and "
           << human_seconds(seconds(b.t_ns));
    }
    out_ << '\n';
    for (size_t i = 0; i < kBucketKinds; ++i) {
      const auto kind = static_cast<BucketKind>(i);
      if (a.bucket(kind) == 0 && b.bucket(kind) == 0) continue;
      bytes_row(bucket_label(kind), a.bucket(kind), b.bucket(kind));
    }
    const auto residual = [](const Ledger& ledger) {
      return (ledger.residual_bytes < 0 ? "-" : "") + human_bytes(size_of(ledger.residual_bytes));
    };
    const int64_t change = b.residual_bytes - a.residual_bytes;
    row("residual", residual(a), residual(b), change, human_bytes(size_of(change)));
  }

  void note(const std::string& text) {
    out_ << (noted_ ? "" : "\n") << "  " << style_.warn() << "note: " << style_.off() << text
         << '\n';
    noted_ = true;
  }

  void write_notes() {
    const double a = seconds(diff_.a.t_ns);
    const double b = seconds(diff_.b.t_ns);
    if (diff_.same_process && !diff_.moments) {
      note("A and B are of one process, " + human_seconds(std::abs(b - a)) + " apart");
    } else if (!diff_.moments && std::max(a, b) > 1.2 * std::min(a, b)) {
      note("A is after " + human_seconds(a) + ", B after " + human_seconds(b) +
           ": what grows with time or work had longer in " + (a > b ? "A" : "B"));
    }
    if (diff_.a.snapshot->sampling.estimates || diff_.b.snapshot->sampling.estimates) {
      note(diff_.moments
               ? "figures are estimates from samples; how good they are was not noted then"
               : "figures are estimates from samples; ± is one standard error of a change");
    }
    if (!diff_.moments) {
      for (const DiffSide* side : {&diff_.a, &diff_.b}) {
        const uint64_t lost = side->snapshot->totals.lost_events;
        if (lost == 0) continue;
        note(std::string(side == &diff_.a ? "A" : "B") + " lacks " + counted(lost, "event") +
             ", see mla report");
      }
    }
    if (diff_.unnoted.sites != 0) {
      note("not compared: " + counted(diff_.unnoted.sites, "call site") +
           ", not among the largest at both moments, of " +
           human_bytes(std::max(diff_.unnoted.most[0], diff_.unnoted.most[1])) +
           " at most; those of the heap changed by " +
           with_sign(diff_.unnoted.bytes, human_bytes(size_of(diff_.unnoted.bytes))) + " together");
    }
  }

  void write_sites() {
    int64_t more = 0;
    int64_t less = 0;
    size_t larger = 0;
    for (const DiffRow* row : changed_) {
      const int64_t change = change_of(*row, options_.order).bytes;
      if (change > 0) ++larger;
      (change > 0 ? more : less) += change;
    }
    out_ << '\n'
         << style_.bold() << "Call sites by change of " << order_name(options_.order)
         << style_.off() << ": ";
    if (changed_.empty()) {
      out_ << "none changed\n";
    } else {
      out_ << with_commas(larger) << " larger, " << amount(more) << "; "
           << with_commas(changed_.size() - larger) << " smaller, " << amount(less) << "; "
           << with_commas(unchanged_) << " unchanged\n";
    }
    const size_t shown =
        options_.all ? changed_.size() : std::min(options_.top_sites, changed_.size());
    for (size_t i = 0; i < shown; ++i) write_site(i + 1, *changed_[i]);
    if (shown < changed_.size()) {
      out_ << '\n'
           << style_.dim() << "... " << counted(changed_.size() - shown, "more call site")
           << ": --top, --all" << style_.off() << '\n';
    }
    if (uncertain_.empty()) return;
    const Change largest = change_of(*uncertain_.front(), options_.order);
    out_ << '\n'
         << counted(uncertain_.size(), "call site")
         << " changed by less than twice the standard error, and may not have changed; the largest "
         << with_sign(largest.bytes, human_bytes(size_of(largest.bytes))) << " ± "
         << human_bytes(static_cast<uint64_t>(largest.se)) << '\n';
    if (!options_.all) return;
    for (size_t i = 0; i < uncertain_.size(); ++i) {
      write_site(changed_.size() + i + 1, *uncertain_[i]);
    }
  }

  bool counts() const { return options_.order == SiteOrder::kCount; }

  std::string magnitude(int64_t value) const {
    return counts() ? counted(size_of(value), "block") : human_bytes(size_of(value));
  }

  std::string amount(int64_t value) const { return with_sign(value, magnitude(value)); }

  std::string value_of(const Site& site) const {
    const uint64_t value = site_value(site, options_.order);
    return counts() ? with_commas(value) : human_bytes(value);
  }

  void write_site(size_t rank, const DiffRow& row) {
    const Change change = change_of(row, options_.order);
    const bool in_a = !row.match.a.empty();
    const bool in_b = !row.match.b.empty();
    const bool mapping = in_b ? row.b.mapping : row.a.mapping;
    const std::string place = "#" + std::to_string(rank);
    out_ << '\n'
         << style_.bold() << place << std::string(place.size() < 4 ? 4 - place.size() : 1, ' ')
         << colour(change.bytes) << amount(change.bytes) << style_.off();
    if (change.se >= 1) out_ << ' ' << error_of(change);
    out_ << "  ";
    if (!in_a) {
      out_ << "new in B";
    } else if (!in_b) {
      out_ << "only in A";
    } else {
      out_ << "from " << value_of(row.a) << " to " << value_of(row.b);
    }
    const auto blocks =
        static_cast<int64_t>(row.b.live_count) - static_cast<int64_t>(row.a.live_count);
    out_ << style_.dim();
    if (!counts() && options_.order != SiteOrder::kPeak) {
      if (options_.order == SiteOrder::kLive) {
        out_ << "  " << with_sign(change.bytes, with_commas(size_of(change.bytes)))
             << (size_of(change.bytes) == 1 ? " byte, " : " bytes, ")
             << with_sign(blocks, counted(size_of(blocks), mapping ? "mapping" : "block"));
      }
    }
    out_ << style_.off() << (mapping ? "  mapping" : "") << '\n';
    Symbolizer& symbolizer = in_b ? b_ : a_;
    const Snapshot& snapshot = in_b ? *diff_.b.snapshot : *diff_.a.snapshot;
    const Site& site = snapshot.sites[in_b ? row.match.b.front() : row.match.a.front()];
    if (site.overflow) {
      out_ << "      events of all call sites that found no room in the recording\n";
      return;
    }
    if (is_python_arena(snapshot, site)) {
      out_ << "      arenas of Python's small objects: " << counted(row.match.a.size(), "call site")
           << " of A, " << counted(row.match.b.size(), "call site") << " of B\n";
      return;
    }
    write_match(row);
    const SiteStack stack = symbolizer.stack_of(site);
    if (stack.frames.empty()) {
      out_ << "      no stack was recorded\n";
      return;
    }
    TextOptions text;
    text.colour = options_.colour;
    text.full_stacks = options_.full_stacks;
    text.width = width_;
    write_stack(out_, options_.native ? stack.frames : without_interpreter(stack), text);
  }

  // How sure it is that both are the same code, where there is something to say.
  void write_match(const DiffRow& row) {
    std::string text;
    switch (row.match.kind) {
      case MatchKind::kMoved:
        text = moved_lines(row);
        break;
      case MatchKind::kNearest:
        text = moved_lines(row) + "; the nearest of several lines";
        break;
      case MatchKind::kFunctions:
        if (row.match.a.size() + row.match.b.size() > 2) {
          text = "by function: " + counted(row.match.a.size(), "call site") + " of A, " +
                 counted(row.match.b.size(), "call site") + " of B; the stack is of one";
        }
        break;
      case MatchKind::kNames:
        text = "by names of functions alone: " + counted(row.match.a.size(), "call site") +
               " of A, " + counted(row.match.b.size(), "call site") + " of B";
        break;
      case MatchKind::kSame:
      case MatchKind::kOnlyA:
      case MatchKind::kOnlyB:
        break;
    }
    if (text.empty()) return;
    out_ << "      " << style_.warn() << cut_right(printable(text), width_ - 6) << style_.off()
         << '\n';
  }

  // "line moved: server.py:62 is now 65": the innermost of them.
  std::string moved_lines(const DiffRow& row) {
    const auto stack_of = [](Symbolizer& symbolizer, const Snapshot& snapshot, uint32_t index) {
      return symbolizer.stack_of(snapshot.sites[index]).frames;
    };
    const auto a = stack_of(a_, *diff_.a.snapshot, row.match.a.front());
    const auto b = stack_of(b_, *diff_.b.snapshot, row.match.b.front());
    std::string text;
    size_t more = 0;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      if (a[i]->line == b[i]->line) continue;
      if (!text.empty()) {
        ++more;
        continue;
      }
      text.append("lines moved: ").append(base_name(a[i]->file)).append(":");
      text.append(std::to_string(a[i]->line)).append(" is now ");
      text.append(std::to_string(b[i]->line));
    }
    if (more != 0) text.append(", and ").append(counted(more, "more line"));
    return text;
  }

  void write_matching() {
    if (diff_.moments) return;
    std::array<uint64_t, kMatchKinds> counts{};
    for (const DiffRow& row : diff_.rows) ++counts[static_cast<size_t>(row.match.kind)];
    static constexpr const char* kWords[kMatchKinds] = {"by function and line",
                                                        "by function, lines moved",
                                                        "by function and nearest line",
                                                        "by function alone",
                                                        "by names of functions alone",
                                                        "only in A",
                                                        "only in B"};
    std::string text = "Matched: ";
    const char* between = "";
    for (size_t i = 0; i < kMatchKinds; ++i) {
      if (counts[i] == 0) continue;
      text.append(between).append(with_commas(counts[i])).append(" ").append(kWords[i]);
      between = ", ";
    }
    out_ << '\n' << style_.dim() << text << style_.off() << '\n';
  }

  void write_warnings() {
    const std::vector<std::string>& of_a = a_.warnings();
    std::vector<std::string> lines;
    for (const std::string& warning : of_a)
      lines.push_back(diff_.moments ? warning : "A: " + warning);
    if (!diff_.moments) {
      for (const std::string& warning : b_.warnings()) lines.push_back("B: " + warning);
    }
    if (lines.empty()) return;
    constexpr size_t kMost = 8;
    out_ << "\n  " << style_.warn() << "names are missing" << style_.off() << '\n';
    for (size_t i = 0; i < lines.size() && i < kMost; ++i) {
      out_ << "    " << printable(lines[i]) << '\n';
    }
    if (lines.size() > kMost) out_ << "    ... " << lines.size() - kMost << " more\n";
  }

  std::ostream& out_;
  const Diff& diff_;
  Symbolizer& a_;
  Symbolizer& b_;
  const DiffTextOptions& options_;
  Style style_;
  size_t width_;
  std::vector<const DiffRow*> changed_;
  std::vector<const DiffRow*> uncertain_;
  size_t unchanged_ = 0;
  bool noted_ = false;
};

}  // namespace

void write_diff_text(std::ostream& out, const Diff& diff, Symbolizer& a, Symbolizer& b,
                     const DiffTextOptions& options) {
  DiffText(out, diff, a, b, options).write();
}

}  // namespace mla
