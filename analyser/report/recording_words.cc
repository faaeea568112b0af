#include "report/recording_words.h"

#include "reader/names.h"
#include "report/units.h"

namespace mla {
namespace {

std::string after(uint64_t ns) { return human_seconds(static_cast<double>(ns) / 1e9); }

}  // namespace

std::string off_sentence(const SamplingInfo& sampling) {
  if (!sampling.was_off()) return "";
  std::string text;
  if (sampling.off_first_ns != sampling.off_begin_ns) {
    text = "recording was off several times since " + after(sampling.off_first_ns) +
           ", the last time ";
  } else {
    text = sampling.is_off() ? "recording is off " : "recording was off ";
  }
  if (sampling.is_off()) {
    text += "since " + after(sampling.off_begin_ns);
  } else {
    text += "from " + after(sampling.off_begin_ns) + " to " + after(sampling.off_end_ns);
  }
  return text + ": blocks allocated then are in no figure";
}

std::string stopped_sentence(const Snapshot& snapshot) {
  if (snapshot.stop_reason == format::StopReason::kNone) return "";
  return "recording stopped after " + after(snapshot.stop_ns) + ": " +
         stop_sentence(snapshot.stop_reason, snapshot.stop_errno);
}

}  // namespace mla
