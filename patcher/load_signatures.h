// SPDX-License-Identifier: Apache-2.0
// The tables that a run uses: built in, and those that the user has.
#ifndef DETACHFIX_PATCHER_LOAD_SIGNATURES_H_
#define DETACHFIX_PATCHER_LOAD_SIGNATURES_H_

#include <optional>
#include <string>
#include <vector>

#include "patcher/files.h"
#include "signatures/table.h"

namespace detachfix {

/// The rows of every *.toml in `folder`, in the order of their names. What
/// cannot be read is among the errors.
SignatureTables LoadFolder(Files& files, const std::string& folder);

/// The built-in rows; over them those of $XDG_CONFIG_HOME/detachfix/signatures,
/// if there is such a folder; over these those of `folder`, if not empty.
SignatureTables LoadSignatures(Files& files, const std::string& folder);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_LOAD_SIGNATURES_H_
