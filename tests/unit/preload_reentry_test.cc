#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "capture/thread_local.h"

namespace mla {
namespace {

TEST(ReentryGuard, EntersOnceUntilItEnds) {
  {
    const ReentryGuard outer;
    EXPECT_TRUE(outer.entered());
    {
      const ReentryGuard inner;
      EXPECT_FALSE(inner.entered());
    }
    // The end of an inner one leaves the mark of the outer one alone.
    const ReentryGuard again;
    EXPECT_FALSE(again.entered());
  }
  const ReentryGuard after;
  EXPECT_TRUE(after.entered());
}

TEST(ReentryGuard, IsOfOneThread) {
  const ReentryGuard mine;
  bool entered = false;
  std::thread([&entered] { entered = ReentryGuard().entered(); }).join();
  EXPECT_TRUE(mine.entered());
  EXPECT_TRUE(entered);
}

volatile sig_atomic_t entered_in_handler;

TEST(ReentryGuard, KeepsOutASignalHandler) {
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_handler = [](int) { entered_in_handler = ReentryGuard().entered() ? 1 : 0; };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  {
    const ReentryGuard guard;
    raise(SIGUSR1);
    EXPECT_EQ(entered_in_handler, 0);
  }
  raise(SIGUSR1);
  EXPECT_EQ(entered_in_handler, 1);
  const ReentryGuard after;
  EXPECT_TRUE(after.entered());
  sigaction(SIGUSR1, &old, nullptr);
}

}  // namespace
}  // namespace mla
