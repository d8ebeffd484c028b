// SPDX-License-Identifier: Apache-2.0
// The counts stand at the top of the page and are known at the end of the run:
// the rows wait in a second file until then.
#include <utility>

#include "patcher/batch/report_file.h"
#include "patcher/batch/report_forms.h"
#include "patcher/batch/report_page.h"

namespace detachfix {

namespace {

// What a browser on an administrator's machine still shows at once. Files with
// nothing to fix are what a share has most of, and a reader needs least.
constexpr uint64_t kMostRows = 50'000;
constexpr uint64_t kMostIdleRows = 10'000;

class HtmlReport : public Report {
 public:
  HtmlReport(std::unique_ptr<ReportFile> file, std::unique_ptr<ReportFile> rows)
      : file_(std::move(file)), rows_(std::move(rows)) {}

  Result<void> Add(const BatchItem& item) override {
    if (!HasRoomFor(item)) {
      ++omitted_;
      return {};
    }
    return rows_->Write(PageRow(item));
  }

  Result<void> Finish(const BatchHead& head) override {
    Result<void> done = file_->Write(PageBegin(head, omitted_));
    if (done) done = file_->WriteAllOf(*rows_);
    if (done) done = file_->Write(PageEnd(head));
    return done ? file_->Commit() : done;
  }

 private:
  bool HasRoomFor(const BatchItem& item) {
    const FileOutcome& outcome = item.outcome;
    const bool idle = outcome.action == Action::kNone &&
                      outcome.diagnosis.verdict == Verdict::kNotApplicable &&
                      ExitStatus(item) == 0;
    uint64_t& rows = idle ? idle_rows_ : busy_rows_;
    if (rows >= (idle ? kMostIdleRows : kMostRows)) return false;
    ++rows;
    return true;
  }

  std::unique_ptr<ReportFile> file_;
  std::unique_ptr<ReportFile> rows_;
  uint64_t busy_rows_ = 0;
  uint64_t idle_rows_ = 0;
  uint64_t omitted_ = 0;
};

}  // namespace

Result<std::unique_ptr<Report>> OpenHtmlReport(Files& files,
                                               const std::string& path,
                                               const BatchHead&) {
  Result<std::unique_ptr<ReportFile>> file = ReportFile::Create(files, path);
  if (!file) return file.error();
  Result<std::unique_ptr<ReportFile>> rows = ReportFile::Create(files, path);
  if (!rows) return rows.error();
  return std::unique_ptr<Report>(
      std::make_unique<HtmlReport>(std::move(*file), std::move(*rows)));
}

}  // namespace detachfix
