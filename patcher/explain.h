// SPDX-License-Identifier: Apache-2.0
// The whole case on one file, for a reader who believes nothing: the code that
// was judged, what each run of it did, the verdict, and the bytes.
#ifndef DETACHFIX_PATCHER_EXPLAIN_H_
#define DETACHFIX_PATCHER_EXPLAIN_H_

#include <string>

#include "patcher/files.h"
#include "patcher/outcome.h"

namespace detachfix {

struct Explanation {
  FileOutcome outcome;
  std::string text;  ///< empty when the file could not be read
};

/// Judges the file at `path` and lays out why. Writes nothing.
Explanation Explain(Files& files, const std::string& path);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_EXPLAIN_H_
