// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_INTERRUPT_H_
#define DETACHFIX_PATCHER_INTERRUPT_H_

namespace detachfix {

/// From now on the first SIGINT, SIGTERM or SIGHUP only sets Interrupted(), so
/// that the file at hand is finished; a second one ends the program at once.
void WatchForInterrupts();

/// Whether such a signal has come.
bool Interrupted();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_INTERRUPT_H_
