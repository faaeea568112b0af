#include "top/recording_pane.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "reader/names.h"
#include "report/recording_words.h"
#include "report/units.h"
#include "report/utf8.h"
#include "report/verdict_text.h"
#include "top/columns.h"
#include "words.h"

namespace mla {
namespace {

// Names are looked up for so long before what is there is shown.
constexpr auto kPatience = std::chrono::milliseconds(80);

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void append_utf8(std::string& text, uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    text += static_cast<char>(0xf0 | code >> 18);
    text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
}

void drop_last_character(std::string& text) {
  while (!text.empty()) {
    const bool first_byte = (static_cast<unsigned char>(text.back()) & 0xc0) != 0x80;
    text.pop_back();
    if (first_byte) break;
  }
}

std::string state_of(const RecordingModel& model, bool detailed) {
  const Snapshot& s = model.snapshot();
  if (!model.is_alive() && s.status == ProcessStatus::kAlive) return "no more recorded";
  std::string state = status_name(s.status);
  if (detailed && !s.status_detail.empty()) state.append(" (").append(s.status_detail).append(")");
  return printable(state);
}

std::vector<std::string> notes_of(const RecordingModel& model, const PaneContext& context) {
  const Snapshot& s = model.snapshot();
  std::vector<std::string> notes;
  if (!context.message.empty()) notes.push_back(context.message);
  if (!model.is_alive()) {
    std::string note = "pid ";
    note.append(std::to_string(s.process.pid)).append(": ").append(state_of(model, true));
    note.append("; this is the last state of its recording");
    notes.push_back(note.append(context.has_workers ? ", until another one begins" : ""));
  }
  if (s.stop_reason != format::StopReason::kNone) {
    std::string note = "recording stopped: ";
    notes.push_back(note.append(printable(stop_sentence(s.stop_reason, s.stop_errno))));
  }
  if (s.sampling.was_off()) notes.push_back(off_sentence(s.sampling));
  if (s.sampling.estimates) notes.emplace_back("sampled: the figures of call sites are estimates");
  if (s.totals.lost_events > 0) {
    notes.push_back(counted(s.totals.lost_events, "event").append(" not recorded: see mla report"));
  }
  if (!s.damage.empty()) notes.emplace_back("the file is damaged in part: see mla report");
  for (const std::string& note : s.process.notes) notes.push_back(printable(note));
  return notes;
}

std::string rate_of(const SeriesVerdict& v) {
  if (v.n_eff <= 0) return "";
  std::string text = human_rate(v.rate.value, TimeUnit::kHours);
  text.append(", 95 % interval ").append(human_rate(v.rate.low, TimeUnit::kHours));
  return text.append(" to ").append(human_rate(v.rate.high, TimeUnit::kHours));
}

}  // namespace

RecordingPane::RecordingPane(std::string path, bool utf8) : model_(std::move(path)), utf8_(utf8) {}

void RecordingPane::refresh(double now_s) {
  const uint64_t before = model_.read_ns();
  const bool alive = model_.is_alive();
  model_.refresh(now_s);
  if (model_.read_ns() != before || model_.is_alive() != alive) order_is_old_ = true;
}

void RecordingPane::rank_by(SiteRank rank) {
  rank_ = rank;
  order_is_old_ = true;
  list_.move_to_top();
}

void RecordingPane::change_part() {
  part_ = static_cast<StackPart>((static_cast<int>(part_) + 1) % 3);
  stacks_.clear();
  order_is_old_ = true;
}

void RecordingPane::toggle_stack() {
  const ListItem* item = list_.selected();
  if (item == nullptr) return;
  const uint32_t id = item->id;
  if (!list_.is_expanded(id)) {
    list_.expand(id, stack_of(model_.snapshot().sites[item->index]).size());
    return;
  }
  list_.move(-static_cast<long>(item->frame));
  list_.expand(id, 0);
  stacks_.erase(id);
}

void RecordingPane::clear_search() {
  search_.clear();
  entering_ = false;
  matches_.clear();
  order_is_old_ = true;
}

bool RecordingPane::press_in_search(const KeyPress& key) {
  if (key.is(Key::kEscape)) {
    clear_search();
  } else if (key.is(Key::kEnter)) {
    entering_ = false;
    return true;
  } else if (key.is(Key::kBackspace)) {
    drop_last_character(search_);
  } else if (key.code >= 0x20 && key.code < static_cast<int>(Key::kUp)) {
    append_utf8(search_, static_cast<uint32_t>(key.code));
    search_ = printable(search_);
  } else {
    return false;
  }
  matches_.clear();
  order_is_old_ = true;
  list_.move_to_top();
  return true;
}

bool RecordingPane::press(const KeyPress& key) {
  if (entering_) return press_in_search(key);
  const auto page = static_cast<long>(page_);
  switch (key.code) {
    case static_cast<int>(Key::kUp):
    case 'k':
      list_.move(-1);
      return true;
    case static_cast<int>(Key::kDown):
    case 'j':
      list_.move(1);
      return true;
    case static_cast<int>(Key::kPageUp):
      list_.move(-page);
      return true;
    case static_cast<int>(Key::kPageDown):
      list_.move(page);
      return true;
    case static_cast<int>(Key::kHome):
      list_.move_to_top();
      return true;
    case static_cast<int>(Key::kEnd):
      list_.move_to_end();
      return true;
    case static_cast<int>(Key::kEnter):
    case static_cast<int>(Key::kRight):
      toggle_stack();
      return true;
    case 'l':
      rank_by(SiteRank::kLive);
      return true;
    case 'g':
      rank_by(SiteRank::kGrowth);
      return true;
    case 'r':
      rank_by(SiteRank::kRate);
      return true;
    case 's':
      change_part();
      return true;
    case 'z':
      model_.growth().restart(model_.snapshot());
      order_is_old_ = true;
      return true;
    case '/':
      clear_search();
      entering_ = true;
      return true;
    case static_cast<int>(Key::kEscape):
      if (search_.empty()) return false;
      clear_search();
      return true;
    default:
      return false;
  }
}

const std::vector<FrameText>& RecordingPane::stack_of(const Site& site) {
  const auto [entry, added] = stacks_.try_emplace(site.id);
  if (added) {
    entry->second = model_.names().stack(site, part_);
    if (entry->second.empty()) {
      entry->second.push_back(
          {part_ == StackPart::kPython ? "[no Python]" : "[no stack]", "", false});
    }
  }
  return entry->second;
}

// Ranks the sites, and searches as long as patience lasts.
void RecordingPane::fill_list() {
  const std::vector<Site>& sites = model_.snapshot().sites;
  const bool searching = searched_ < ranked_.size() && !search_.empty();
  if (!order_is_old_ && !searching) return;
  if (order_is_old_) {
    ranked_ = model_.ranked(rank_);
    searched_ = 0;
    order_is_old_ = false;
    // Another part of the stack has another number of lines.
    const std::map<uint32_t, size_t> open = list_.expanded();
    for (const uint32_t index : ranked_) {
      const auto expanded = open.find(sites[index].id);
      if (expanded == open.end()) continue;
      const size_t frames = stack_of(sites[index]).size();
      if (frames != expanded->second) list_.expand(sites[index].id, frames);
    }
  }
  std::vector<SiteList::Entry> entries;
  if (search_.empty()) {
    searched_ = ranked_.size();
    for (const uint32_t index : ranked_) entries.push_back({index, sites[index].id});
    list_.set(std::move(entries));
    return;
  }
  const std::string wanted = lower(search_);
  const auto began = std::chrono::steady_clock::now();
  for (; searched_ < ranked_.size(); ++searched_) {
    const Site& site = sites[ranked_[searched_]];
    if (matches_.contains(site.id)) continue;
    if (std::chrono::steady_clock::now() - began > kPatience) break;
    matches_[site.id] = model_.names().matches(site, wanted);
  }
  for (size_t i = 0; i < searched_; ++i) {
    const uint32_t id = sites[ranked_[i]].id;
    if (matches_.at(id)) entries.push_back({ranked_[i], id});
  }
  list_.set(std::move(entries));
  wants_time_ = searched_ < ranked_.size();
}

void RecordingPane::fill_rows(RecordingScreen& screen, ScreenSize size) {
  const auto began = std::chrono::steady_clock::now();
  page_ = std::max<size_t>(list_rows(screen, size), 1);
  const std::vector<ListItem> items = list_.window(page_);
  screen.cursor_row = list_.cursor() - list_.first();
  for (const ListItem& item : items) {
    const Site& site = model_.snapshot().sites[item.index];
    SiteRow& row = screen.rows.emplace_back();
    if (item.frame > 0) {
      const FrameText& frame = stack_of(site)[item.frame - 1];
      row.is_frame = true;
      row.name = frame.function;
      row.source = frame.source;
      continue;
    }
    row.expanded = list_.is_expanded(site.id);
    row.mapping = site.mapping;
    row.live_bytes = site.live_bytes;
    row.live_count = site.live_count;
    row.growth_bytes = model_.growth().growth(site);
    row.rate = model_.growth().rate(site);
    if (const SeriesVerdict* verdict = model_.verdict_of(site)) {
      row.leak = verdict->verdict == VerdictClass::kLeak;
      if (verdict->verdict != VerdictClass::kInsufficient) {
        row.verdict = verdict_name(verdict->verdict);
      }
    }
    const bool patient = std::chrono::steady_clock::now() - began < kPatience;
    if (site.overflow) {
      row.name = "[all that found no room in the table of call sites]";
    } else if (patient || model_.names().has_line(site, part_)) {
      row.name = model_.names().line(site, part_);
    } else {
      row.name = "…";
      wants_time_ = true;
    }
  }
}

RecordingScreen RecordingPane::screen_of(const PaneContext& context) const {
  const Snapshot& s = model_.snapshot();
  RecordingScreen screen;
  screen.command = without_directories(command_of(s.process));
  screen.pid = s.process.pid;
  // The path of a detail would leave the title no room for pid and command: it stands in the notes.
  screen.state = state_of(model_, s.status != ProcessStatus::kCopied);
  screen.alive = model_.is_alive();
  screen.age_s = seconds(model_.now_ns());
  screen.clock = context.clock;
  screen.paused = context.paused;
  screen.rss_bytes = model_.rss_bytes();
  screen.live_bytes = model_.live_bytes();
  for (const TimelinePoint& point : s.timeline) {
    if (point.rss_bytes != 0) screen.rss.push_back({point.t_ns, point.rss_bytes});
    screen.live.push_back({point.t_ns, point.live_bytes + point.mapped_bytes});
  }
  if (model_.is_alive()) {
    screen.rss.push_back({model_.now_ns(), model_.rss_bytes()});
    screen.live.push_back({model_.now_ns(), model_.live_bytes()});
  }
  screen.end_ns = model_.now_ns();
  screen.verdict = verdict_line(model_.verdict(), TimeUnit::kHours);
  screen.leak = model_.verdict().verdict == VerdictClass::kLeak;
  screen.rate = rate_of(model_.verdict());
  if (const auto& ledger = model_.ledger()) {
    screen.ledger = ledger_groups(*ledger);
    screen.ledger_age_s = seconds(model_.now_ns() - std::min(ledger->walked_ns, model_.now_ns()));
  }
  screen.notes = notes_of(model_, context);
  screen.rank = rank_name(rank_);
  screen.part = stack_part_name(part_);
  screen.search = search_;
  screen.entering_search = entering_;
  screen.behind_s = seconds(model_.now_ns() - model_.read_ns());
  screen.has_workers = context.has_workers;
  screen.utf8 = utf8_;
  return screen;
}

std::vector<Line> RecordingPane::lines(ScreenSize size, const PaneContext& context) {
  wants_time_ = false;
  fill_list();
  RecordingScreen screen = screen_of(context);
  const uint64_t since = model_.growth().since_ns();
  screen.since = human_seconds(seconds(model_.now_ns() - std::min(since, model_.now_ns())));
  size_t found = 0;
  for (const auto& [id, matches] : matches_) found += matches ? 1 : 0;
  screen.sites = search_.empty() ? ranked_.size() : found;
  if (searched_ < ranked_.size()) screen.search_state.append(with_commas(searched_)).append(" ");
  screen.search_state.append("of ").append(with_commas(ranked_.size()));
  if (searched_ < ranked_.size()) screen.search_state.append(" searched");
  fill_rows(screen, size);
  return recording_lines(screen, size);
}

}  // namespace mla
