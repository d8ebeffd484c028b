// SPDX-License-Identifier: Apache-2.0
// Outcomes as people read them. Addresses are RVAs.
#ifndef DETACHFIX_PATCHER_REPORT_TEXT_H_
#define DETACHFIX_PATCHER_REPORT_TEXT_H_

#include <span>
#include <string>

#include "patcher/outcome.h"

namespace detachfix {

/// The answer on one file: "PATH: leaks: …", one line with its line end. Of a
/// file that failed: "PATH: " and the error.
std::string OutcomeLine(const FileOutcome& outcome, bool colour);

/// What OutcomeLine says behind the path, without colour and line end.
std::string OutcomeStatement(const FileOutcome& outcome);

/// What the verdict rests on, indented, a line each.
std::string EvidenceText(const FileOutcome& outcome);

/// The plan: every edit with offset, RVA, before, after and reason, and the
/// injected code as a listing. Empty when the outcome has none.
std::string PlanText(const FileOutcome& outcome);

/// One edit with its bytes; `rva` is where the loader maps it, if it does.
std::string EditText(const Edit& edit, const std::optional<Rva>& rva);

/// Code, an instruction a line.
std::string ListingText(std::span<const ListingLine> lines);

/// "12 files: 10 fixed, 2 leak", with its line end.
std::string SummaryLine(std::span<const FileOutcome> outcomes);

/// `text` with each byte of what IsUnseen, and each control byte of eight bits
/// that belongs to no character, as "\xNN": names that come from a
/// file can neither break a line, nor command the terminal, nor look like
/// others.
std::string ForTerminal(const std::string& text);

/// One critical section: "critical section 0xa010 is initialised at 0x1036 and
/// never deleted on detach".
std::string SectionText(const CriticalSection& section);

/// "leaks", "fixed by the vendor", "fixed by detachfix 1.0.0", "not
/// applicable", "unknown".
std::string VerdictText(const Diagnosis& diagnosis);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REPORT_TEXT_H_
