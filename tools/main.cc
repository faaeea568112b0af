// mla: parses nothing and analyses nothing itself; errors are caught here, once.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <new>

#include "command_line.h"
#include "commands.h"
#include "output.h"
#include "reader/error.h"

namespace {

// A closed standard descriptor must not become the number of a recording that is opened later.
// The stand-in fails on use as a closed one does, and is closed again in a program that is run.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  }
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  try {
    return mla::run_command_line({argv + 1, argv + argc});
  } catch (const mla::BrokenPipe&) {
    return 128 + SIGPIPE;
  } catch (const mla::Error& error) {
    std::cerr << "mla: " << error.what() << '\n';
  } catch (const std::bad_alloc&) {
    std::cerr << "mla: not enough memory: give it more, or a smaller recording\n";
  } catch (const std::exception& error) {
    std::cerr << "mla: unexpected error: " << error.what() << ": please report it\n";
  }
  return mla::kExitError;
}
