// SPDX-License-Identifier: Apache-2.0
// Outcomes as programs read them: "schema": "detachfix/1", described field by
// field in docs/report-format.md and by docs/report.schema.json.
#ifndef DETACHFIX_PATCHER_REPORT_JSON_H_
#define DETACHFIX_PATCHER_REPORT_JSON_H_

#include <span>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/outcome.h"
#include "signatures/signature.h"

namespace detachfix {

/// The name of the schema, which every document and every line carries.
inline constexpr char kReportSchema[] = "detachfix/1";

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

/// An item of a batch: one object on one line, without a line end.
std::string JsonObject(const BatchItem& item);

/// The same as a line of a log, with its line end: the schema, `"record":
/// "file"` and the run's id go before.
std::string JsonLine(const BatchItem& item, const std::string& run);

/// The rows as one document, described in docs/signatures.md. What is not known
/// is left out.
std::string SignaturesJson(std::span<const Signature> rows);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REPORT_JSON_H_
