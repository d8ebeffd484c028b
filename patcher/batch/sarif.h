// SPDX-License-Identifier: Apache-2.0
// The parts of a SARIF 2.1.0 log ("Static Analysis Results Interchange Format",
// OASIS Standard with Errata 01) as text, for the report that joins them.
#ifndef DETACHFIX_PATCHER_BATCH_SARIF_H_
#define DETACHFIX_PATCHER_BATCH_SARIF_H_

#include <string>
#include <vector>

#include "patcher/batch/batch_item.h"

namespace detachfix {

/// Up to and with the '[' of "artifacts".
std::string SarifBegin(const BatchHead& begun);

/// An element of "artifacts": the file with its size and hash.
std::string SarifArtifact(const BatchItem& item);

/// The elements of "results" that the file asks for, of which most ask for
/// none. `index` is that of its artifact.
std::vector<std::string> SarifResults(const BatchItem& item, uint64_t index);

/// From behind the ']' of "results" to the end.
std::string SarifEnd(const BatchHead& head);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_SARIF_H_
