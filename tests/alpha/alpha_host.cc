// SPDX-License-Identifier: Apache-2.0
#include "tests/alpha/alpha_host.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace detachfix::emulator {
namespace {

[[noreturn]] void Execute(const std::vector<std::string>& command, int in,
                          int out) {
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0) execvp(words[0], words.data());
  std::perror(words[0]);
  _exit(127);
}

}  // namespace

AlphaHost::AlphaHost(std::vector<std::string> command)
    : command_(std::move(command)) {
  std::signal(SIGPIPE, SIG_IGN);  // a program that ended is noticed when read
}

AlphaHost::~AlphaHost() { Stop(); }

void AlphaHost::Start() {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    std::perror("pipe2");
    std::abort();
  }
  child_ = fork();
  if (child_ == 0) Execute(command_, in[0], out[1]);
  close(in[0]);
  close(out[1]);
  to_ = fdopen(in[1], "w");
  from_ = fdopen(out[0], "r");
}

void AlphaHost::Stop() {
  if (child_ < 0) return;
  std::fclose(to_);
  std::fclose(from_);
  waitpid(child_, nullptr, 0);
  child_ = -1;
}

void AlphaHost::Send(const std::string& line) {
  if (child_ < 0) Start();
  std::fputs((line + "\n").c_str(), to_);
}

void AlphaHost::Send(std::span<const uint8_t> bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), to_);
}

std::vector<std::string> AlphaHost::Answer() {
  std::vector<std::string> lines;
  char line[1024];
  std::fflush(to_);
  while (std::fgets(line, sizeof line, from_)) {
    std::string text(line);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    if (text == "done") return lines;
    lines.push_back(text);
  }
  Stop();
  lines.push_back("crash the host ended");
  return lines;
}

}  // namespace detachfix::emulator
