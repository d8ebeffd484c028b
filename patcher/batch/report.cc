// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/report.h"

#include <array>
#include <utility>

#include "patcher/ascii_text.h"
#include "patcher/batch/report_forms.h"

namespace detachfix {

namespace {

using Open = Result<std::unique_ptr<Report>> (*)(Files& files,
                                                 const std::string& path,
                                                 const BatchHead& begun);

struct Row {
  const char* ending;
  ReportForm form;
  Open open;
};

constexpr Row kForms[] = {
    {".json", ReportForm::kJson, OpenJsonReport},
    {".jsonl", ReportForm::kJsonLines, OpenJsonLinesReport},
    {".csv", ReportForm::kCsv, OpenCsvReport},
    {".sarif", ReportForm::kSarif, OpenSarifReport},
    {".html", ReportForm::kHtml, OpenHtmlReport},
};

const Row* RowOf(const std::string& path) {
  const std::string base = LowerAscii(path.substr(path.rfind('/') + 1));
  for (const Row& row : kForms) {
    const std::string ending = row.ending;
    // A name that is an ending and nothing else has none: it is hidden.
    if (base.size() > ending.size() && base.ends_with(ending)) return &row;
  }
  return nullptr;
}

}  // namespace

Result<ReportForm> ReportFormOf(const std::string& path) {
  const Row* row = RowOf(path);
  if (row != nullptr) return row->form;
  std::string endings;
  for (const Row& known : kForms) {
    const bool last = &known == std::end(kForms) - 1;
    endings += endings.empty() ? "" : last ? " or " : ", ";
    endings += known.ending;
  }
  return Error{path + ": the name of a report ends in " + endings};
}

Result<std::unique_ptr<Report>> OpenReport(Files& files,
                                           const std::string& path,
                                           const BatchHead& begun) {
  const Row* row = RowOf(path);
  if (row == nullptr) return ReportFormOf(path).error();
  return row->open(files, path, begun);
}

}  // namespace detachfix
