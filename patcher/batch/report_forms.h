// SPDX-License-Identifier: Apache-2.0
// One function a form of report: OpenReport, once the form is known.
#ifndef DETACHFIX_PATCHER_BATCH_REPORT_FORMS_H_
#define DETACHFIX_PATCHER_BATCH_REPORT_FORMS_H_

#include <memory>
#include <string>

#include "patcher/batch/report.h"

namespace detachfix {

Result<std::unique_ptr<Report>> OpenJsonReport(Files& files,
                                               const std::string& path,
                                               const BatchHead& begun);
Result<std::unique_ptr<Report>> OpenJsonLinesReport(Files& files,
                                                    const std::string& path,
                                                    const BatchHead& begun);
Result<std::unique_ptr<Report>> OpenCsvReport(Files& files,
                                              const std::string& path,
                                              const BatchHead& begun);
Result<std::unique_ptr<Report>> OpenSarifReport(Files& files,
                                                const std::string& path,
                                                const BatchHead& begun);
Result<std::unique_ptr<Report>> OpenHtmlReport(Files& files,
                                               const std::string& path,
                                               const BatchHead& begun);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_REPORT_FORMS_H_
