// SPDX-License-Identifier: Apache-2.0
// The file that a report is written to: it takes its name, and the place of an
// older one, when it is complete.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_FILE_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_FILE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "patcher/files.h"

namespace detachfix {

class ReportFile {
 public:
  /// Makes a temporary file beside `path`. Fails when what stands at `path` is
  /// not a regular file. Errors name `path`.
  static Result<std::unique_ptr<ReportFile>> Create(Files& files,
                                                    const std::string& path);
  /// Removes the temporary file unless it was committed.
  ~ReportFile();
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;

  /// The first error is kept; what comes after it is not written and gets it
  /// too.
  Result<void> Write(std::string_view text);

  /// Writes what was written to `other`, which stays as it is.
  Result<void> WriteAllOf(ReportFile& other);

  /// Flushes the file to the device and renames it to the path.
  Result<void> Commit();

 private:
  ReportFile(Files& files, std::string path,
             std::unique_ptr<OutputFile> output);
  Result<void> Flush();
  Result<void> Keep(const std::string& step, const Result<void>& result);
  Result<void> State() const;
  void TakePermissions();

  Files& files_;
  std::string path_;
  std::unique_ptr<OutputFile> output_;
  std::string buffer_;
  uint32_t mode_;  ///< of a report that replaces none
  std::optional<Error> failed_;
  bool committed_ = false;
};

/// "`path`: `what`: `cause`", for the errors of reports.
Error ReportError(const std::string& path, const std::string& what,
                  const Error& cause);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_FILE_H_
