// SPDX-License-Identifier: Apache-2.0
// What the tables of shipped builds say of a file, beside what the analysis
// says.
#ifndef DETACHFIX_PATCHER_CONSULT_SIGNATURES_H_
#define DETACHFIX_PATCHER_CONSULT_SIGNATURES_H_

#include "patcher/verify_file.h"
#include "signatures/table.h"

namespace detachfix {

/// What a DLL calls itself, in lower case with its ending: "security.dll".
/// Empty when it does not say.
std::string OwnName(const PeImage& image);

/// What is compared with the rows; `hash` is that of the file. Points into
/// `image.bytes`.
BuildFacts FactsOf(const PeImage& image, const Sha256& hash);

/// Looks the file up in `tables`; a file that detachfix patched as the original
/// that its undo record leads to. Where a match that identifies a build says
/// another thing than the analysis, the verdict becomes unknown, with both
/// reasons. Does nothing for a file that was not read as an image.
void ConsultSignatures(VerifiedFile& file, const SignatureTables& tables);

/// A line for each row that may be the file's build, or one that none is.
std::vector<std::string> SignatureLines(const SignatureReport& report);

/// Whether a row identifies files by more than their fields, so that one may
/// contradict the analysis of any file.
bool MayContradict(const SignatureTables& tables);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_CONSULT_SIGNATURES_H_
