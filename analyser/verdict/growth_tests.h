// Tests whether what grew still does. Pure functions.
#pragma once

#include "verdict/bins.h"
#include "verdict/models.h"

namespace mla {

struct Drift {
  double t = 0;           // Student's t of the mean increment, `blocks` - 1 degrees of freedom
  size_t blocks = 0;      // 0: too few bins
  double per_window = 0;  // growth over the window
  double error = 0;       // its standard error
  double late_share = 0;  // growth in the last third over a third of the growth; 1 when steady
};

// The drift test: the window is cut into equal blocks, and the increments between the means of
// neighbouring blocks are tested for a positive mean. A leak whose rate varies leaves a random walk
// about its line: the increments are what is independent then, not the residuals. For noise that
// comes back to a level the increments cancel and the test is conservative.
Drift drift_test(const Bins& bins, size_t blocks);

// Growth in [begin, end] of x went on in its second half and in its last third: differences of
// means, each allowed a standard error. `error_of_mean`: of the mean over the whole segment.
bool still_growing(const Bins& bins, double begin, double end, double error_of_mean);

// The smallest sample of each of `blocks` equal parts: the floor under a sawtooth.
Bins block_minima(const Bins& bins, size_t blocks);

}  // namespace mla
