// SPDX-License-Identifier: Apache-2.0
// The whole case on one file, for a reader who believes nothing: the code that
// was judged, what each run of it did, the verdict, and the bytes.
#ifndef DETACHFIX_PATCHER_EXPLAIN_H_
#define DETACHFIX_PATCHER_EXPLAIN_H_

#include <set>
#include <string>

#include "patcher/files.h"
#include "patcher/outcome.h"
#include "patcher/verify_file.h"
#include "signatures/table.h"

namespace detachfix {

/// What `explain` prints of one file.
struct Explanation {
  FileOutcome outcome;
  std::string text;  ///< empty when the file could not be read
  FileState state;   ///< of the file
};

/// Judges the file at `path`, and runs its code even where the verdict needed
/// no trace: whoever asks for an explanation wants to see it.
VerifiedFile VerifyAndRun(Files& files, const std::string& path,
                          const SignatureTables& tables);

/// Judges the file at `path` and lays out why. Writes nothing.
Explanation Explain(Files& files, const std::string& path,
                    const SignatureTables& tables);

/// The same as a graph in Graphviz's DOT language: the code that was run,
/// before and after the repair where there is one. Empty when no code was run.
Explanation ExplainAsGraph(Files& files, const std::string& path,
                           const SignatureTables& tables);

/// Every address that the patch recorded in `file` wrote to.
std::set<Rva> ChangedAddresses(const VerifiedFile& file);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_EXPLAIN_H_
