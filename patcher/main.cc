// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "patcher/commands.h"
#include "patcher/interrupt.h"

namespace {

/// Colour only for people: on a terminal that knows it, and unless NO_COLOR is
/// set to anything (no-color.org).
bool WantsColour() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 &&
         (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string(term) != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  detachfix::WatchForInterrupts();
  detachfix::Console console{std::cout, std::cerr, WantsColour()};
  return detachfix::RunAndReportBugs(
      [&] {
        const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0),
                                             argv + argc);
        return detachfix::RunDetachfix(words, *detachfix::PosixFiles(),
                                       console);
      },
      std::cerr);
}
