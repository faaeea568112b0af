// What a verdict may rest on when recording was switched off for a while. Pure functions.
#pragma once

#include <string>

#include "verdict/process_verdict.h"

namespace mla {

// Blocks of while recording was off are not known: neither whether they are alive, nor that others
// take their place. The verdict is of what came after the last time (busy_window.h). It is left
// open where these blocks could be what it says or does not say:
// - recording is still off, and what came before was no leak;
// - what is known to be alive grows while resident memory does not;
// - it is retention;
// - 8 MiB and a tenth of anonymous memory came since recording was first off which is not known to
//   be alive, and there is not yet as much time after the last time as until its end.
// Does nothing to a recording that was never off.
void heed_off_times(const Snapshot& snapshot, ProcessVerdict& found);

}  // namespace mla
