// The parts of the program with difficult stacks.
#pragma once

namespace golden {

void install_plugins();
void catch_interrupts();
void be_interrupted();

}  // namespace golden
