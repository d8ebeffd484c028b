// SPDX-License-Identifier: Apache-2.0
// Outcomes as programs read them: "schema": "detachfix/1", described field by
// field in docs/report-format.md and by docs/report.schema.json.
#ifndef DETACHFIX_PATCHER_REPORT_JSON_H_
#define DETACHFIX_PATCHER_REPORT_JSON_H_

#include <span>
#include <string>

#include "patcher/outcome.h"
#include "signatures/signature.h"

namespace detachfix {

/// What a document says besides its files.
struct ReportHead {
  std::string command;  ///< "verify", "patch" or "revert"
  int exit_status = 0;
  bool interrupted = false;
};

/// One document with every file, and its line end.
std::string JsonDocument(const ReportHead& head,
                         std::span<const FileOutcome> outcomes);

/// One object on one line, with its line end.
std::string JsonLine(const FileOutcome& outcome);

/// The rows as one document, described in docs/signatures.md. What is not known
/// is left out.
std::string SignaturesJson(std::span<const Signature> rows);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REPORT_JSON_H_
