// SPDX-License-Identifier: Apache-2.0
// The program in host/, kept running under qemu-alpha, and the line to it.
#ifndef DETACHFIX_TESTS_ALPHA_ALPHA_HOST_H_
#define DETACHFIX_TESTS_ALPHA_ALPHA_HOST_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace detachfix::emulator {

class AlphaHost {
 public:
  /// `command` is the program and its arguments.
  explicit AlphaHost(std::vector<std::string> command);
  ~AlphaHost();
  AlphaHost(const AlphaHost&) = delete;
  AlphaHost& operator=(const AlphaHost&) = delete;

  /// Sends a line; starts the program if it does not run.
  void Send(const std::string& line);
  void Send(std::span<const uint8_t> bytes);
  /// The lines up to "done", which is left away. Where the program ends instead
  /// the last one is "crash ended"; it is started anew for what comes next.
  std::vector<std::string> Answer();

 private:
  void Start();
  void Stop();

  std::vector<std::string> command_;
  pid_t child_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_ALPHA_ALPHA_HOST_H_
