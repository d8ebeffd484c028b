// SPDX-License-Identifier: Apache-2.0
// From a genuine file that somebody lawfully holds to a row of the tables.
#ifndef DETACHFIX_PATCHER_LEARN_SIGNATURE_H_
#define DETACHFIX_PATCHER_LEARN_SIGNATURE_H_

#include <optional>
#include <string>
#include <vector>

#include "patcher/result.h"
#include "patcher/verify_file.h"
#include "signatures/table.h"

namespace detachfix {

/// What the file does not tell: where it is from, and who says so.
struct LearnOptions {
  std::vector<std::string> levels;  ///< at least one
  std::string product = "nt4";
  std::optional<uint32_t> crypto;
  std::string id;            ///< or empty: made from the rest
  std::string confirmed_by;  ///< or empty
  bool any_dll = false;      ///< also what the tables have no row of
  /// What SETUP.LOG has of the file, and the name of that log.
  std::optional<uint32_t> recorded_checksum;
  std::string setup_log;
};

/// The row of `file`, which was read: that of its id in `tables`, if there is
/// one, with all that the file tells. Fails when the file cannot be judged, is
/// patched, was changed since it was linked, or contradicts a row.
Result<Signature> LearnRow(const VerifiedFile& file,
                           const LearnOptions& options,
                           const SignatureTables& tables);

/// The code that the row rests on, what the runs did and the verdict.
std::string JustifyRow(const VerifiedFile& file);

/// A message for each row whose dllmain_sha256 is not that of its dllmain.
std::vector<std::string> VectorErrors(const SignatureTables& tables);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_LEARN_SIGNATURE_H_
