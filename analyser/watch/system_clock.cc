#include <ctime>
#include <fstream>

#include "watch/source.h"

namespace mla {
namespace {

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

SystemClock::SystemClock() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  in >> boot_id_;
}

ClockReading SystemClock::now() {
  return {seconds_of(CLOCK_BOOTTIME), seconds_of(CLOCK_REALTIME), boot_id_};
}

double SystemClock::cpu_s() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace mla
