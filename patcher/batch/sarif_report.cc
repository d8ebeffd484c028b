// SPDX-License-Identifier: Apache-2.0
// A SARIF run lists its artifacts and its results apart, while each file brings
// both at once: the results wait in a second file until the artifacts are done.
#include <utility>

#include "patcher/batch/report_file.h"
#include "patcher/batch/report_forms.h"
#include "patcher/batch/sarif.h"

namespace detachfix {

namespace {

class SarifReport : public Report {
 public:
  SarifReport(std::unique_ptr<ReportFile> file,
              std::unique_ptr<ReportFile> results)
      : file_(std::move(file)), results_(std::move(results)) {}

  Result<void> Begin(const BatchHead& begun) {
    return file_->Write(SarifBegin(begun));
  }

  Result<void> Add(const BatchItem& item) override {
    const uint64_t index = artifacts_++;
    Result<void> written =
        file_->Write((index == 0 ? "" : ",") + SarifArtifact(item));
    for (const std::string& result : SarifResults(item, index)) {
      if (!written) break;
      written = results_->Write((result_count_++ == 0 ? "" : ",") + result);
    }
    return written;
  }

  Result<void> Finish(const BatchHead& head) override {
    Result<void> done = file_->Write("\n],\n\"results\": [");
    if (done) done = file_->WriteAllOf(*results_);
    if (done) done = file_->Write("\n]" + SarifEnd(head));
    return done ? file_->Commit() : done;
  }

 private:
  std::unique_ptr<ReportFile> file_;
  std::unique_ptr<ReportFile> results_;
  uint64_t artifacts_ = 0;
  uint64_t result_count_ = 0;
};

}  // namespace

Result<std::unique_ptr<Report>> OpenSarifReport(Files& files,
                                                const std::string& path,
                                                const BatchHead& begun) {
  Result<std::unique_ptr<ReportFile>> file = ReportFile::Create(files, path);
  if (!file) return file.error();
  Result<std::unique_ptr<ReportFile>> results = ReportFile::Create(files, path);
  if (!results) return results.error();
  std::unique_ptr<SarifReport> report =
      std::make_unique<SarifReport>(std::move(*file), std::move(*results));
  const Result<void> written = report->Begin(begun);
  if (!written) return written.error();
  return std::unique_ptr<Report>(std::move(report));
}

}  // namespace detachfix
