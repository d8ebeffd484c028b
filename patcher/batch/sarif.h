// SPDX-License-Identifier: Apache-2.0
// The parts of a SARIF 2.1.0 log ("Static Analysis Results Interchange Format",
// OASIS Standard with Errata 01) as text, for the report that joins them.
#ifndef DETACHFIX_PATCHER_BATCH_SARIF_H_
#define DETACHFIX_PATCHER_BATCH_SARIF_H_

#include <optional>
#include <string>

#include "patcher/batch/batch_item.h"

namespace detachfix {

/// Up to and with the '[' of "artifacts".
std::string SarifBegin(const BatchHead& begun);

/// An element of "artifacts": the file with its size and hash.
std::string SarifArtifact(const BatchItem& item);

/// An element of "results", unless there is nothing to say of the file.
/// `index` is that of its artifact.
std::optional<std::string> SarifResult(const BatchItem& item, uint64_t index);

/// From behind the ']' of "results" to the end.
std::string SarifEnd(const BatchHead& head);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SARIF_H_
