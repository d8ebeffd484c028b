// SPDX-License-Identifier: Apache-2.0
// The modules of a process: which a name or an address means, which functions
// they have, and what keeps the image itself loaded.
#ifndef DETACHFIX_DISASM_PROCESS_MODULES_H_
#define DETACHFIX_DISASM_PROCESS_MODULES_H_

#include <optional>
#include <string>

#include "disasm/process/call.h"

namespace detachfix {

/// Whether the call, in whatever process, may load the image once more.
bool KeepsImageLoaded(const ProcessCall& call);

/// What GetModuleHandle gives, in whatever process, of the two modules that
/// every one has before any other: by the number that they have in the ordinary
/// one. Nothing of every other call.
std::optional<Value> BasicModule(const ProcessCall& call);

/// The function of that name in a module, by its handle; nothing where there is
/// none, or where that is not known.
std::optional<ImportName> FunctionIn(const OrdinaryProcess& process,
                                     const Value& module,
                                     const std::string& name);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_PROCESS_MODULES_H_
