#include "ledger/diagnosis.h"

#include <algorithm>
#include <iterator>

namespace mla {

namespace {

constexpr uint64_t kLeastBytes = 8 << 20;

Diagnosis judge(const Ledger& ledger, const LiveGrowth& growth, bool was_off) {
  if (growth.growing) return Diagnosis::kLiveGrowth;
  const uint64_t own = ledger.bucket(BucketKind::kMla);
  const uint64_t rss = ledger.rss_bytes > own ? ledger.rss_bytes - own : 0;
  struct Candidate {
    BucketKind kind;
    Diagnosis diagnosis;
  };
  constexpr Candidate kCandidates[] = {{BucketKind::kPythonArenas, Diagnosis::kPythonArenas},
                                       {BucketKind::kMappings, Diagnosis::kMappings},
                                       {BucketKind::kStacks, Diagnosis::kStacks},
                                       {BucketKind::kFiles, Diagnosis::kFiles}};
  const Candidate largest = *std::max_element(
      std::begin(kCandidates), std::end(kCandidates), [&](const Candidate& a, const Candidate& b) {
        return ledger.bucket(a.kind) < ledger.bucket(b.kind);
      });
  const uint64_t bytes = ledger.bucket(largest.kind);
  const uint64_t slack = ledger.bucket(BucketKind::kPythonFree);
  if (slack >= kLeastBytes && slack >= rss / 5 && slack > ledger.idle() && slack > bytes) {
    return was_off ? Diagnosis::kNotRecorded : Diagnosis::kPythonArenas;
  }
  if (ledger.idle() >= kLeastBytes && ledger.idle() >= rss / 5 && ledger.idle() > bytes) {
    if (was_off) return Diagnosis::kNotRecorded;
    return ledger.bucket(BucketKind::kPinned) > ledger.bucket(BucketKind::kFree)
               ? Diagnosis::kPinned
               : Diagnosis::kRetention;
  }
  return bytes >= kLeastBytes && bytes / 2 >= rss / 5 ? largest.diagnosis : Diagnosis::kNone;
}

void advise_other_allocator(const std::string& serving, std::vector<Advice>& advice) {
  if (serving == "jemalloc") {
    advice.push_back({"MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0",
                      "free pages go back to the kernel after 1 s instead of 10 s"});
    advice.push_back({"MALLOC_CONF=narenas:2", "fewer arenas keep fewer partly used pages"});
  } else if (serving == "tcmalloc") {
    advice.push_back(
        {"TCMALLOC_AGGRESSIVE_DECOMMIT=1", "free spans go back to the kernel at once"});
    advice.push_back(
        {"TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=4194304", "threads keep less of what they free"});
  } else if (serving == "mimalloc") {
    advice.push_back({"MIMALLOC_DECOMMIT_DELAY=0", "free pages go back to the kernel at once"});
    advice.push_back({"MIMALLOC_PAGE_RESET=1", "so do pages of segments still in use"});
  } else {
    advice.push_back({"MALLOC_ARENA_MAX=2", "fewer arenas keep fewer partly used pages"});
  }
  if (serving != "jemalloc") {
    advice.push_back({"MLA_ALLOCATOR=jemalloc",
                      "returns what is free within 10 s; measure, it is not always smaller"});
  }
  advice.push_back({"mla bench --tune -- CMD",
                    "measures all of these side by side, with what each costs in time"});
}

void advise_retention(const Snapshot& snapshot, std::vector<Advice>& advice) {
  if (snapshot.status == ProcessStatus::kAlive) {
    advice.push_back({"mla why --probe " + std::to_string(snapshot.process.pid),
                      "trims once and says what that gives back"});
  }
  if (snapshot.process.allocator == "ptmalloc2") {
    advice.push_back(
        {"MLA_TRIM_INTERVAL=60s", "libmla calls malloc_trim while the program allocates"});
    advice.push_back({"MALLOC_TRIM_THRESHOLD_=131072",
                      "fixes the threshold, which glibc raises when large blocks are freed"});
  }
  advise_other_allocator(snapshot.process.allocator, advice);
}

std::vector<Advice> advise(const Snapshot& snapshot, const Ledger& ledger, Diagnosis diagnosis) {
  std::vector<Advice> advice;
  const std::string name = snapshot.status == ProcessStatus::kAlive
                               ? std::to_string(snapshot.process.pid)
                               : snapshot.path;
  switch (diagnosis) {
    case Diagnosis::kLiveGrowth:
      advice.push_back({"mla leaks " + name, "says which call sites grow, and how fast"});
      advice.push_back({"mla report " + name, "shows the stacks that hold the memory"});
      break;
    case Diagnosis::kRetention:
      advise_retention(snapshot, advice);
      break;
    case Diagnosis::kPinned:
      advice.push_back(
          {"allocate what lives long before what lives short, or from a pool of its own",
           "a few live blocks keep the pages named above; no trim can return them"});
      advise_other_allocator(snapshot.process.allocator, advice);
      break;
    case Diagnosis::kPythonArenas:
      if (ledger.bucket(BucketKind::kPythonFree) == 0) {
        advice.push_back({"mla run --python objects -- CMD",
                          "says what of the arenas is in use, and which lines made it"});
        break;
      }
      advice.push_back({"mla report " + name, "shows which lines made the objects that are alive"});
      advice.push_back({"build what lives long before what lives short, or in a process of its own",
                        "an arena goes back to the kernel only when its last object is gone"});
      advice.push_back({"PYTHONMALLOC=malloc",
                        "has small objects served by malloc, which keeps single pages; slower"});
      break;
    case Diagnosis::kStacks:
      advice.push_back({"start fewer threads, or end those that idle",
                        "a stack stays resident to the depth it was ever used"});
      advice.push_back({"ulimit -s 1024", "smaller stacks; watch out for deep recursion"});
      break;
    case Diagnosis::kMappings:
      advice.push_back({"mla report " + name, "shows who made the mappings named above"});
      break;
    case Diagnosis::kFiles:
      advice.push_back({"none needed: clean pages of files are given back under memory pressure",
                        "they are shared with every process that maps the same file"});
      break;
    case Diagnosis::kNotRecorded:
      if (snapshot.sampling.is_off() && snapshot.status == ProcessStatus::kAlive) {
        advice.push_back({"mla ctl " + name + " --sample exact",
                          "records again; what was allocated before stays unknown"});
      }
      if (snapshot.status == ProcessStatus::kAlive) {
        advice.push_back(
            {"mla why --probe " + name, "trims once: what that gives back was free, and no block"});
      }
      break;
    case Diagnosis::kNone:
      break;
  }
  return advice;
}

}  // namespace

std::string diagnosis_name(Diagnosis diagnosis) {
  switch (diagnosis) {
    case Diagnosis::kLiveGrowth:
      return "live_growth";
    case Diagnosis::kRetention:
      return "retention";
    case Diagnosis::kPinned:
      return "pinned";
    case Diagnosis::kPythonArenas:
      return "python_arenas";
    case Diagnosis::kStacks:
      return "stacks";
    case Diagnosis::kMappings:
      return "mappings";
    case Diagnosis::kFiles:
      return "files";
    case Diagnosis::kNotRecorded:
      return "not_recorded";
    case Diagnosis::kNone:
      break;
  }
  return "none";
}

Finding diagnose(const Snapshot& snapshot, const Ledger& ledger) {
  Finding finding;
  finding.growth = growth_of_live(snapshot);
  finding.diagnosis = judge(ledger, finding.growth, snapshot.sampling.was_off());
  finding.advice = advise(snapshot, ledger, finding.diagnosis);
  return finding;
}

}  // namespace mla
