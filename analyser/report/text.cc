#include "report/text.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "reader/names.h"
#include "report/names_short.h"
#include "report/recording_words.h"
#include "report/sparkline.h"
#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"
#include "series/growth.h"

namespace mla {

namespace {

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

class TextReport {
 public:
  TextReport(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
             const TextOptions& options)
      : out_(out),
        snapshot_(snapshot),
        symbolizer_(symbolizer),
        options_(options),
        style_(options.colour),
        width_(std::max<size_t>(options.width, 40)) {}

  void write() {
    write_header();
    write_sampling();
    write_memory();
    write_curves();
    write_notes();
    if (options_.by == Grouping::kSite) {
      write_sites();
    } else {
      write_groups();
    }
    write_list("names are missing", symbolizer_.warnings());
  }

 private:
  void write_header() {
    const ProcessInfo& process = snapshot_.process;
    std::string command;
    for (const std::string& argument : process.argv) {
      command += (command.empty() ? "" : " ") + printable(argument);
    }
    if (command.empty()) command = printable(process.exe);
    out_ << style_.bold() << cut_right(command, width_) << style_.off() << '\n';

    const char* colour = snapshot_.status == ProcessStatus::kAlive    ? style_.good()
                         : snapshot_.status == ProcessStatus::kKilled ? style_.bad()
                                                                      : style_.bold();
    out_ << "pid " << process.pid << ", " << colour << status_name(snapshot_.status)
         << style_.off();
    if (snapshot_.last_ns != 0) {
      // Nobody saw a killed process die: its own last word is all there is.
      out_ << (snapshot_.status == ProcessStatus::kAlive    ? " for "
               : snapshot_.status == ProcessStatus::kKilled ? ", last seen after "
               : snapshot_.status == ProcessStatus::kCopied ? " while alive, last figures after "
                                                            : " after ")
           << human_seconds(seconds(snapshot_.last_ns));
    }
    if (!snapshot_.status_detail.empty()) out_ << " (" << printable(snapshot_.status_detail) << ')';
    if (!process.allocator.empty()) {
      out_ << ", " << printable(process.allocator);
      if (!process.allocator_version.empty()) out_ << ' ' << printable(process.allocator_version);
    }
    if (!process.python_version.empty()) out_ << ", Python " << printable(process.python_version);
    if (!process.host.empty()) out_ << ", host " << printable(process.host);
    out_ << '\n';
    if (process.fork_depth > 0) {
      out_ << "forked from pid " << process.parent_pid;
      // `mla run` moves recordings when the program has ended.
      std::error_code ignored;
      if (std::filesystem::exists(process.parent_segment, ignored)) {
        out_ << ", recorded in " << printable(process.parent_segment);
      }
      out_ << '\n';
    }
  }

  // "± 1.2 MiB" of an estimate.
  static std::string error_of(double standard_error) {
    return standard_error < 1 ? "" : "± " + human_bytes(static_cast<uint64_t>(standard_error));
  }

  void write_sampling() {
    const SamplingInfo& sampling = snapshot_.sampling;
    if (sampling.was_off()) {
      out_ << style_.warn() << off_sentence(sampling) << style_.off() << '\n';
    } else if (sampling.mode == SamplingMode::kOff) {
      out_ << "recording is switched off\n";
    }
    if (!sampling.estimates) return;
    out_ << "figures are estimates from samples";
    if (sampling.interval_bytes != 0) {
      out_ << ", one in " << human_bytes(sampling.interval_bytes) << " on average";
    }
    out_ << "; ± is one standard error\n";
  }

  void row(const char* name, const std::string& value, const std::string& detail) {
    out_ << "  " << name << std::string(11 - columns(name), ' ') << style_.bold()
         << std::string(value.size() < 10 ? 10 - value.size() : 0, ' ') << value << style_.off();
    if (!detail.empty()) out_ << "   " << detail;
    out_ << '\n';
  }

  void write_memory() {
    const Totals& totals = snapshot_.totals;
    out_ << '\n';
    row("live", human_bytes(totals.live_bytes),
        (totals.live_se < 1 ? "" : error_of(totals.live_se) + ", ") + "in " +
            counted(totals.live_count, "block") + ", not freed yet");
    row("peak", human_bytes(totals.peak_live_bytes),
        totals.peak_ns == 0 ? "" : "after " + human_seconds(seconds(totals.peak_ns)));
    row("allocated", human_bytes(totals.alloc_bytes),
        "in " + counted(totals.alloc_count, "block") + ", " +
            percent(totals.freed_bytes, totals.alloc_bytes) + " of the bytes freed again");
    if (totals.mapped_bytes != 0) {
      row("mapped", human_bytes(totals.mapped_bytes), "by the program itself, anonymous mmap");
    }
    if (totals.inherited_bytes != 0) {
      row("inherited", human_bytes(totals.inherited_bytes),
          "in " + counted(totals.inherited_count, "block") +
              " from the parent, alive; not in the figures above");
    }
    const auto last = std::find_if(snapshot_.timeline.rbegin(), snapshot_.timeline.rend(),
                                   [](const TimelinePoint& p) { return p.rss_bytes != 0; });
    if (last != snapshot_.timeline.rend()) {
      row("RSS", human_bytes(last->rss_bytes),
          human_bytes(last->anon_bytes) + " of it anonymous, after " +
              human_seconds(seconds(last->t_ns)));
    }
    row("mla itself", human_bytes(totals.own_bytes), "");
    // Most programs free at their end, as CPython does all of its modules.
    if (snapshot_.status == ProcessStatus::kExited && options_.order == SiteOrder::kLive &&
        totals.peak_live_bytes / 4 > totals.live_bytes) {
      out_ << "\n  freed before the end: " << style_.bold() << "--sort peak" << style_.off()
           << " shows who held the peak, mla leaks whether it grew\n";
    }
  }

  void write_curves() {
    constexpr size_t kLabel = 8;
    constexpr size_t kValue = 16;
    if (snapshot_.timeline.size() < 2 || width_ < kLabel + kValue + 20) return;
    const size_t width = std::min<size_t>(width_ - kLabel - kValue, 72);
    std::vector<CurvePoint> live;
    std::vector<CurvePoint> rss;
    uint64_t top_live = 0;
    uint64_t top_rss = 0;
    for (const TimelinePoint& point : snapshot_.timeline) {
      live.push_back({point.t_ns, point.live_bytes});
      if (point.rss_bytes != 0) rss.push_back({point.t_ns, point.rss_bytes});
      top_live = std::max(top_live, point.live_bytes);
      top_rss = std::max(top_rss, point.rss_bytes);
    }
    const uint64_t end = std::max(snapshot_.last_ns, snapshot_.timeline.back().t_ns);
    out_ << "\n  live  " << sparkline(live, end, top_live, width) << "  max "
         << human_bytes(top_live) << '\n';
    if (!rss.empty()) {
      out_ << "  RSS   " << sparkline(rss, end, top_rss, width) << "  max " << human_bytes(top_rss)
           << '\n';
    }
    const std::string duration = human_seconds(seconds(end));
    out_ << style_.dim() << "        0" << std::string(width - 1 - duration.size(), ' ') << duration
         << style_.off() << '\n';
  }

  void write_list(const std::string& title, const std::vector<std::string>& lines) {
    constexpr size_t kMost = 8;
    if (lines.empty()) return;
    out_ << '\n' << style_.warn() << "  " << title << style_.off() << '\n';
    for (size_t i = 0; i < lines.size() && i < kMost; ++i) {
      out_ << "    " << printable(lines[i]) << '\n';
    }
    if (lines.size() > kMost) out_ << "    ... " << lines.size() - kMost << " more\n";
  }

  void write_notes() {
    std::vector<std::string> stop;
    if (snapshot_.stop_reason != format::StopReason::kNone) {
      stop.push_back(stop_sentence(snapshot_.stop_reason, snapshot_.stop_errno) +
                     "; the program went on, the figures end there");
      write_list("recording stopped after " + human_seconds(seconds(snapshot_.stop_ns)), stop);
    }
    write_list("notes of the recording", snapshot_.process.notes);
    std::vector<std::string> lost;
    std::vector<std::string> vague;
    for (uint32_t i = 0; i < format::kLossCount; ++i) {
      const auto loss = static_cast<format::Loss>(i);
      const uint64_t count = snapshot_.losses[i];
      // Blocks of before the recording are normal; many of them are worth a line.
      if (count == 0 ||
          (loss == format::Loss::kUnknownFree && count < snapshot_.totals.freed_count / 100)) {
        continue;
      }
      (is_lost_event(loss) ? lost : vague)
          .push_back(with_commas(count) + " " + loss_sentence(loss));
    }
    write_list(counted(snapshot_.totals.lost_events, "event") + " in none of the figures", lost);
    write_list("counted, with less detail", vague);
    write_list("the file is damaged; left out was", snapshot_.damage);
  }

  void write_sites() {
    const std::vector<uint32_t> ranked = ranked_sites(snapshot_, options_.order);
    out_ << '\n' << style_.bold() << "Call sites by " << order_name(options_.order) << style_.off();
    if (ranked.empty()) {
      out_ << ": none\n";
      return;
    }
    const size_t shown = std::min(options_.top_sites, ranked.size());
    out_ << ": " << (shown == ranked.size() ? "all " : with_commas(shown) + " of ")
         << with_commas(ranked.size()) << '\n';
    uint64_t total[2] = {0, 0};  // of heap, of mappings
    for (const uint32_t i : ranked) {
      uint64_t& sum = total[snapshot_.sites[i].mapping ? 1 : 0];
      sum += site_value(snapshot_.sites[i], options_.order);
    }
    for (const SiteGrowth& growth : site_growth(snapshot_)) growth_[growth.site_index] = growth;
    for (size_t rank = 0; rank < shown; ++rank) {
      const Site& site = snapshot_.sites[ranked[rank]];
      out_ << '\n';
      write_site(rank + 1, ranked[rank], total[site.mapping ? 1 : 0]);
    }
  }

  void write_groups() {
    static constexpr const char* kNames[] = {"site", "line", "function", "file", "module"};
    const std::vector<SiteGroup> groups =
        group_sites(snapshot_, symbolizer_, options_.order, options_.by);
    const std::string order = order_name(options_.order);
    out_ << '\n'
         << style_.bold() << static_cast<char>(order[0] - 'a' + 'A') << order.substr(1) << " by "
         << kNames[static_cast<size_t>(options_.by)] << style_.off();
    const size_t shown = std::min(options_.top_sites, groups.size());
    out_ << ": " << (shown == groups.size() ? "all " : with_commas(shown) + " of ")
         << with_commas(groups.size()) << '\n';
    uint64_t total = 0;
    size_t widest = 0;
    for (const SiteGroup& group : groups) total += group.value;
    const size_t space = width_ - std::min<size_t>(width_ / 2, kGroupFigures);
    for (size_t i = 0; i < shown; ++i) {
      widest = std::max(widest, columns(short_function(printable(groups[i].name), space)));
    }
    for (size_t i = 0; i < shown; ++i) write_group(groups[i], total, std::min(widest, space));
  }

  void write_group(const SiteGroup& group, uint64_t total, size_t width) {
    const auto right = [](const std::string& text, size_t columns_of_it) {
      return std::string(text.size() < columns_of_it ? columns_of_it - text.size() : 0, ' ') + text;
    };
    const bool counts = options_.order == SiteOrder::kCount;
    out_ << style_.bold() << right(counts ? with_commas(group.value) : human_bytes(group.value), 11)
         << style_.off() << right(percent(group.value, total), 8) << style_.dim()
         << right(counts ? "" : counted(group.live_count, "block"), 18) << style_.off() << "  ";
    std::string name = printable(group.name);
    std::string source = printable(group.source);
    if (!options_.full_stacks) {
      name = short_function(name, width);
      const size_t used = kGroupFigures + width + 2;
      source = cut_left(source, width_ > used + 10 ? width_ - used : 10);
    }
    out_ << name;
    if (!source.empty()) {
      out_ << std::string(columns(name) < width ? width - columns(name) : 0, ' ') << "  "
           << style_.dim() << source << style_.off();
    }
    out_ << '\n';
  }

  void write_site(size_t rank, uint32_t index, uint64_t total) {
    const Site& site = snapshot_.sites[index];
    const std::string place = "#" + std::to_string(rank);
    out_ << style_.bold() << place << std::string(place.size() < 4 ? 4 - place.size() : 1, ' ')
         << site_headline(site) << style_.off() << "  "
         << percent(site_value(site, options_.order), total)
         << (site.mapping ? " of the mappings" : "") << "  " << style_.dim() << site_detail(site)
         << style_.off();
    const auto growth = growth_.find(index);
    if (growth != growth_.end()) write_growth(site, growth->second);
    out_ << '\n';
    if (site.overflow) {
      out_ << "      events of all call sites that found no room in the recording\n";
    } else if (site.native == 0 && site.python == 0) {
      out_ << "      no stack was recorded\n";
    } else {
      const SiteStack stack = symbolizer_.stack_of(site);
      write_stack(out_, options_.native ? stack.frames : without_interpreter(stack), options_);
    }
  }

  std::string site_headline(const Site& site) const {
    if (options_.order == SiteOrder::kCount) return counted(site.live_count, "block");
    const double se = options_.order == SiteOrder::kLive        ? site.live_se
                      : options_.order == SiteOrder::kAllocated ? site.alloc_se
                                                                : 0;
    return human_bytes(site_value(site, options_.order)) + (se < 1 ? "" : " " + error_of(se));
  }

  std::string site_detail(const Site& site) const {
    const char* noun = site.mapping ? "mapping" : "block";
    switch (options_.order) {
      case SiteOrder::kAllocated:
        return with_commas(site.alloc_bytes) + " bytes in " + counted(site.alloc_count, noun) +
               ", " + with_commas(site.live_bytes) + " still live";
      case SiteOrder::kPeak:
        return with_commas(site.peak_bytes) + " bytes in " + counted(site.peak_count, noun);
      case SiteOrder::kTemporary:
        return with_commas(site.freed_bytes) + " bytes in " + counted(site.freed_count, noun);
      case SiteOrder::kLive:
      case SiteOrder::kCount:
        break;
    }
    return with_commas(site.live_bytes) + " bytes in " + counted(site.live_count, noun);
  }

  // Only where the growth is a good part of what is there, and seen more than once.
  void write_growth(const Site& site, const SiteGrowth& growth) {
    if (growth.points < 3 || growth.rate_Bps <= 0 || growth.growth_bytes <= 0 ||
        static_cast<uint64_t>(growth.growth_bytes) < site.live_bytes / 10) {
      return;
    }
    const bool hours = growth.last_ns - growth.first_ns > 3600ULL * 1'000'000'000;
    const double rate = growth.rate_Bps * (hours ? 3600 : 60);
    if (rate < 1 || rate > 1e18) return;
    out_ << "  " << style_.warn() << "growing " << human_bytes(static_cast<uint64_t>(rate))
         << (hours ? "/h" : "/min") << style_.off();
  }

  static constexpr size_t kGroupFigures = 39;  // columns in front of a group's name

  std::ostream& out_;
  const Snapshot& snapshot_;
  Symbolizer& symbolizer_;
  const TextOptions& options_;
  Style style_;
  size_t width_;
  std::map<uint32_t, SiteGrowth> growth_;
};

}  // namespace

void write_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const TextOptions& options) {
  TextReport(out, snapshot, symbolizer, options).write();
}

}  // namespace mla
