#include "no_recording.h"

#include "program_file.h"

namespace mla {

std::string why_not_recorded(const std::string& program) {
  const std::string why = why_no_preload(inspect_program(program));
  return why.empty() ? "libmla.so was not loaded, or its directory could not be written" : why;
}

}  // namespace mla
