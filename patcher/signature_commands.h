// SPDX-License-Identifier: Apache-2.0
// `detachfix signatures …`: list, show, check, extend and export the tables.
#ifndef DETACHFIX_PATCHER_SIGNATURE_COMMANDS_H_
#define DETACHFIX_PATCHER_SIGNATURE_COMMANDS_H_

#include <optional>

#include "patcher/command_line.h"
#include "signatures/table.h"

namespace detachfix {

/// The tables for `options`; says what is wrong with them and gives nothing.
std::optional<SignatureTables> TablesFor(const Options& options, Files& files,
                                         Console& console);

// Each gives the exit status.
int RunSignaturesList(const Options& options, Files& files, Console& console);
int RunSignaturesShow(const Options& options, Files& files, Console& console);
int RunSignaturesCheck(const Options& options, Files& files, Console& console);
int RunSignaturesLearn(const Options& options, Files& files, Console& console);
int RunSignaturesExport(const Options& options, Files& files, Console& console);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SIGNATURE_COMMANDS_H_
