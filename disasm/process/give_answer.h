// SPDX-License-Identifier: Apache-2.0
// How an ordinary process carries out a call of one of its functions.
#ifndef DETACHFIX_DISASM_PROCESS_GIVE_ANSWER_H_
#define DETACHFIX_DISASM_PROCESS_GIVE_ANSWER_H_

#include <optional>

#include "disasm/process/call.h"
#include "disasm/process/process.h"

namespace detachfix {

/// The result of the call, of 32 bits, by `answer`, its function's; what it
/// writes is written. Nothing, and nothing written, where the process does not
/// know: then it is not known what the call does.
std::optional<Value> GiveAnswer(const ProcessCall& call, const Answer& answer);

/// Whether the call can make a file: it does not say that it only opens one.
bool MayMakeFile(const ProcessCall& call);

/// What the call does to the reason of the last failure: most may change it.
/// To be called before GiveAnswer, which may give another one.
void NoteLastError(const ProcessCall& call);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_GIVE_ANSWER_H_
