// SPDX-License-Identifier: Apache-2.0
// What the .dbg file beside an image says, beside what the analysis says.
#ifndef DETACHFIX_PATCHER_CONSULT_SYMBOLS_H_
#define DETACHFIX_PATCHER_CONSULT_SYMBOLS_H_

#include <string>
#include <vector>

#include "patcher/files.h"
#include "patcher/verify_file.h"

namespace detachfix {

/// Looks for `Security.dbg`, in letters of any case, beside the image
/// `Security.dll` whose symbols were taken out (IMAGE_FILE_DEBUG_STRIPPED). One
/// that is of the image, or of the original where detachfix patched it, gives
/// `file.symbols` and lines of evidence; one that is not gives a note. Symbols
/// never make a verdict stronger: where they contradict what was taken for
/// DllMain, it becomes unknown, with both reasons.
void ConsultSymbols(Files& files, VerifiedFile& file);

/// "security.dbg" for "/winnt/Security.dll".
std::string DebugName(const std::string& path);

/// Whether such a file, of whichever image, lies beside the one at `path`.
bool HasDebugFile(Files& files, const std::string& path);

/// The second half: as if `names` came from the .dbg file at `path`. `original`
/// is the image that they are of.
void TakeSymbols(const std::string& path, const PeImage& original,
                 SymbolNames names, VerifiedFile& file);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CONSULT_SYMBOLS_H_
