// SPDX-License-Identifier: Apache-2.0
// The document and the log. A document's items stand between what is known
// when a run begins and what is known when it ends, so that it is written from
// top to bottom.
#include <utility>

#include "patcher/batch/report_file.h"
#include "patcher/batch/report_forms.h"
#include "patcher/batch/report_head.h"
#include "patcher/report_json.h"
#include "patcher/text_bytes.h"

namespace detachfix {

namespace {

class JsonReport : public Report {
 public:
  explicit JsonReport(std::unique_ptr<ReportFile> file)
      : file_(std::move(file)) {}

  Result<void> Begin(const BatchHead& begun) {
    return file_->Write(DocumentBegin(begun));
  }

  // A line an item: a document of a million files can be looked at with less.
  Result<void> Add(const BatchItem& item) override {
    const std::string before = std::exchange(first_, false) ? "\n" : ",\n";
    return file_->Write(before + JsonObject(item));
  }

  Result<void> Finish(const BatchHead& head) override {
    const Result<void> written = file_->Write(DocumentEnd(head));
    return written ? file_->Commit() : written;
  }

 private:
  std::unique_ptr<ReportFile> file_;
  bool first_ = true;
};

// A log is not replaced but goes on: every line is whole and at once there for
// whoever follows it, and the runs before stay. One write a line, so that two
// runs that append to one log do not mix theirs (POSIX.1-2017, write(),
// O_APPEND).
class JsonLinesReport : public Report {
 public:
  JsonLinesReport(std::string path, std::string run,
                  std::unique_ptr<OutputFile> output)
      : path_(std::move(path)),
        run_(std::move(run)),
        output_(std::move(output)) {}

  Result<void> Write(const std::string& text) {
    return Keep("cannot be written", output_->Write(BytesOf(text)));
  }

  Result<void> Add(const BatchItem& item) override {
    if (failed_) return *failed_;
    return Write(JsonLine(item, run_));
  }

  Result<void> Finish(const BatchHead& head) override {
    if (failed_) return *failed_;
    Result<void> done = Write(EndLine(head));
    if (done) done = Keep("cannot be flushed", output_->Sync());
    return done ? Keep("cannot be closed", output_->Close()) : done;
  }

 private:
  Result<void> Keep(const std::string& step, const Result<void>& result) {
    if (result) return {};
    failed_ = ReportError(path_, step, result.error());
    return *failed_;
  }

  std::string path_;
  std::string run_;
  std::unique_ptr<OutputFile> output_;
  std::optional<Error> failed_;
};

/// Whether the log ends within a line, as a killed program or a full disk can
/// leave it.
Result<bool> EndsWithinLine(Files& files, const std::string& path) {
  const Result<FileState> state = files.Look(path);
  if (!state) return state.error();
  if (state->size == 0) return false;
  const Result<Bytes> last = files.ReadPart(path, state->size - 1, 1);
  if (!last) return last.error();
  return last->empty() || last->front() != '\n';
}

}  // namespace

Result<std::unique_ptr<Report>> OpenJsonReport(Files& files,
                                               const std::string& path,
                                               const BatchHead& begun) {
  Result<std::unique_ptr<ReportFile>> file = ReportFile::Create(files, path);
  if (!file) return file.error();
  std::unique_ptr<JsonReport> report =
      std::make_unique<JsonReport>(std::move(*file));
  const Result<void> written = report->Begin(begun);
  if (!written) return written.error();
  return std::unique_ptr<Report>(std::move(report));
}

Result<std::unique_ptr<Report>> OpenJsonLinesReport(Files& files,
                                                    const std::string& path,
                                                    const BatchHead& begun) {
  Result<std::unique_ptr<OutputFile>> output = files.OpenToAppend(path);
  if (!output) {
    return ReportError(path, "cannot be opened", output.error());
  }
  const Result<bool> within_line = EndsWithinLine(files, path);
  if (!within_line) {
    return ReportError(path, "cannot be read", within_line.error());
  }
  std::unique_ptr<JsonLinesReport> report =
      std::make_unique<JsonLinesReport>(path, begun.run, std::move(*output));
  const Result<void> written =
      report->Write((*within_line ? "\n" : "") + BeginLine(begun));
  if (!written) return written.error();
  return std::unique_ptr<Report>(std::move(report));
}

}  // namespace detachfix
