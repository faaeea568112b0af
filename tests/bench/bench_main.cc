#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>

#include "bench_recording.h"
#include "capture/live_map.h"
#include "capture/reference_unwinder.h"
#include "capture/sampler.h"
#include "capture/stack_trie.h"
#include "segment/control.h"
#include "segment/segment.h"

namespace mla {

Shard& bench_shard() { return *current_shard(); }

}  // namespace mla

int main(int argc, char** argv) {
  if (!mla::map_control_page() || !mla::segment.open_private() || !mla::open_stack_trie()) {
    std::fprintf(stderr, "capture_bench: no memory for the recording\n");
    return 1;
  }
  mla::live_map.configure(32);
  mla::start_sampling({});
  mla::set_mode(mla::Mode::kRecording);
  mla::load_reference_unwinder(false, true);
  if (mla::current_shard() == nullptr) return 1;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
