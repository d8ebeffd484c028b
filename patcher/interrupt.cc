// SPDX-License-Identifier: Apache-2.0
#include "patcher/interrupt.h"

#include <signal.h>

#include <initializer_list>

namespace detachfix {

namespace {

volatile sig_atomic_t interrupted = 0;

void Remember(int) { interrupted = 1; }

}  // namespace

void WatchForInterrupts() {
  struct sigaction action = {};
  action.sa_handler = Remember;
  sigemptyset(&action.sa_mask);
  // The default comes back after the first, and no system call is cut short.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaction(signal, &action, nullptr);
  }
}

bool Interrupted() { return interrupted != 0; }

}  // namespace detachfix
