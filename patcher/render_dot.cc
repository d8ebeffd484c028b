// SPDX-License-Identifier: Apache-2.0
#include "patcher/render_dot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "patcher/system_error.h"

extern char** environ;  // POSIX declares it nowhere

namespace detachfix {

namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

Error CannotRun(int number) {
  return Error{"cannot run 'dot' of Graphviz: " + SystemError(number).message +
               "; install it (Debian: graphviz), or use --dot"};
}

/// Files without a name, rather than pipes: neither side waits for the other.
Result<pid_t> Start(FILE* input, FILE* output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
  std::array<char, 4> program{"dot"};
  std::array<char, 6> format{"-Tsvg"};
  const std::array<char*, 3> words{program.data(), format.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program.data(), &actions, nullptr,
                                 words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return CannotRun(error);
  return child;
}

Result<void> WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return CannotRun(errno);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{"'dot' of Graphviz failed"};
}

Bytes ReadAll(FILE* file) {
  Bytes bytes;
  std::rewind(file);
  std::array<uint8_t, 4096> buffer{};
  size_t count = 0;
  while ((count = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) {
    bytes.insert(bytes.end(), buffer.begin(),
                 buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return bytes;
}

}  // namespace

Result<Bytes> RenderSvg(const std::string& dot_text) {
  const File input(std::tmpfile());
  const File output(std::tmpfile());
  if (!input || !output) return SystemError(errno);
  if (std::fputs(dot_text.c_str(), input.get()) < 0 ||
      std::fflush(input.get()) != 0) {
    return SystemError(errno);
  }
  std::rewind(input.get());
  const Result<pid_t> child = Start(input.get(), output.get());
  if (!child) return child.error();
  const Result<void> done = WaitFor(*child);
  if (!done) return done.error();
  return ReadAll(output.get());
}

}  // namespace detachfix
