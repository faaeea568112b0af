#include "stacks_text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kMostFrames = 1000;

struct Group {
  std::vector<const ThreadStack*> threads;
  std::vector<const Frame*> frames;
};

bool is_alike(const Group& group, const ThreadStack& thread,
              const std::vector<const Frame*>& frames) {
  const ThreadStack& first = *group.threads.front();
  return first.name == thread.name && first.holds_gil == thread.holds_gil &&
         state_words(first.state) == state_words(thread.state) && group.frames == frames;
}

std::vector<Group> grouped(const ProcessStacks& stacks, Symbolizer& symbolizer,
                           const StacksTextOptions& options) {
  std::vector<Group> groups;
  for (const ThreadStack& thread : stacks.threads) {
    const SiteStack stack = symbolizer.stack_of(thread.stack);
    std::vector<const Frame*> frames = options.native ? stack.frames : without_interpreter(stack);
    const auto alike = options.all
                           ? groups.end()
                           : std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
                               return is_alike(group, thread, frames);
                             });
    if (alike != groups.end()) {
      alike->threads.push_back(&thread);
    } else {
      groups.push_back({{&thread}, std::move(frames)});
    }
  }
  return groups;
}

void write_head(std::ostream& out, const ProcessStacks& stacks, const Style& style) {
  const ProcessInfo& process = stacks.snapshot.process;
  out << style.bold() << printable(command_of(process)) << style.off() << '\n';
  out << "pid " << process.pid << ", " << counted(stacks.threads.size(), "thread");
  if (!process.python_version.empty()) out << ", Python " << process.python_version;
  if (stacks.core.empty()) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", stacks.stopped_s * 1e3);
    out << ", stood still for " << text << " ms";
  } else {
    out << ", from the core file " << printable(stacks.core);
    if (stacks.signal != 0) {
      const char* name = sigabbrev_np(stacks.signal);
      out << ", ended by signal " << stacks.signal;
      if (name != nullptr) out << " (SIG" << name << ')';
    }
  }
  out << '\n';
}

void write_group_head(std::ostream& out, const Group& group, const Style& style) {
  const ThreadStack& first = *group.threads.front();
  out << '\n' << style.bold();
  if (group.threads.size() == 1) {
    out << "thread " << first.tid;
  } else {
    out << group.threads.size() << " threads";
  }
  if (!first.name.empty()) out << " \"" << printable(first.name) << '"';
  out << ' ' << state_words(first.state);
  if (first.holds_gil) out << ", holds the GIL";
  out << style.off() << '\n';
  if (group.threads.size() == 1) return;
  out << style.dim() << "     ";
  for (const ThreadStack* thread : group.threads) out << ' ' << thread->tid;
  out << style.off() << '\n';
}

}  // namespace

void write_stacks_text(std::ostream& out, const ProcessStacks& stacks, Symbolizer& symbolizer,
                       const StacksTextOptions& options) {
  const Style style(options.colour);
  write_head(out, stacks, style);
  TextOptions text;
  text.frames = kMostFrames;
  text.colour = options.colour;
  text.width = options.width;
  for (const Group& group : grouped(stacks, symbolizer, options)) {
    write_group_head(out, group, style);
    write_stack(out, group.frames, text);
  }
  std::vector<std::string> notes = stacks.notes;
  notes.insert(notes.end(), symbolizer.warnings().begin(), symbolizer.warnings().end());
  if (!notes.empty()) out << '\n';
  for (const std::string& note : notes) {
    out << style.warn() << "note: " << printable(note) << style.off() << '\n';
  }
}

}  // namespace mla
