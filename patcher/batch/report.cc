// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/report.h"

#include <algorithm>
#include <array>
#include <utility>

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

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

const Row* RowOf(const std::string& path) {
  const std::string base = LowerCase(path.substr(path.rfind('/') + 1));
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
