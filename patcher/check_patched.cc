// SPDX-License-Identifier: Apache-2.0
// Uses nothing that made the patch but the parser, the analysis and the undo
// record's reader: a fault in Apply or in a planner must not hide itself.
#include "patcher/check_patched.h"

#include <algorithm>
#include <string>

#include "disasm/instruction.h"
#include "patcher/hex_text.h"
#include "patcher/pe_parts.h"
#include "patcher/report_text.h"
#include "patcher/verify_file.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

/// The first offset before `end` where the two differ, or `end`.
size_t FirstDifference(std::span<const uint8_t> a, std::span<const uint8_t> b,
                       size_t begin, size_t end) {
  const auto [at, unused] =
      std::mismatch(a.begin() + static_cast<ptrdiff_t>(begin),
                    a.begin() + static_cast<ptrdiff_t>(end),
                    b.begin() + static_cast<ptrdiff_t>(begin));
  static_cast<void>(unused);
  return static_cast<size_t>(at - a.begin());
}

Result<void> CheckOutsideEdits(std::span<const uint8_t> original,
                               const std::vector<Edit>& edits,
                               const SharedBytes& patched) {
  if (patched.size() < original.size()) {
    return Error{"the patched file has " + std::to_string(patched.size()) +
                 " bytes, the original " + std::to_string(original.size())};
  }
  size_t begin = 0;
  for (size_t i = 0; i <= edits.size(); ++i) {
    const size_t end =
        i < edits.size() ? edits[i].offset.value : original.size();
    if (end < begin || end > original.size()) {
      return Error{"edit " + std::to_string(i) + " is at " + HexNumber(end) +
                   ", out of order or outside the file"};
    }
    const size_t at = FirstDifference(original, patched, begin, end);
    if (at != end) {
      return Error{"offset " + HexNumber(at) +
                   " changed, which no edit speaks of"};
    }
    if (i < edits.size()) begin = end + edits[i].before.size();
  }
  return {};
}

/// The bytes of the image that `line` speaks of are those of the listing, and
/// decode to its text.
Result<void> CheckListing(const PeImage& image,
                          const std::vector<ListingLine>& listing) {
  const CodeView view = MakeCodeView(image);
  for (const ListingLine& line : listing) {
    const std::optional<FileOffset> offset = ToOffset(image, line.rva);
    const std::string place = "injected code at " + HexNumber(line.rva.value);
    if (!offset || line.bytes.size() > image.bytes.size() - offset->value ||
        !std::equal(
            line.bytes.begin(), line.bytes.end(),
            image.bytes.begin() + static_cast<ptrdiff_t>(offset->value))) {
      return Error{place + " is not the listing's " +
                   HexBytes(line.bytes, " ")};
    }
    const Instruction decoded = Disassemble(view, line.rva);
    if (decoded.text != line.text || decoded.size != line.bytes.size()) {
      return Error{place + " decodes to '" + decoded.text + "', not to '" +
                   line.text + "'"};
    }
  }
  return {};
}

Result<void> CheckFixed(const VerifiedFile& after) {
  if (after.outcome.error) return *after.outcome.error;
  const Diagnosis& diagnosis = after.outcome.diagnosis;
  const bool fixed = diagnosis.verdict == Verdict::kFixed &&
                     diagnosis.fixed_by == FixedBy::kDetachfix &&
                     diagnosis.fixed_version == kVersion;
  if (fixed) return {};
  return Error{"the patched file is judged '" + VerdictText(diagnosis) +
               "': " + diagnosis.because};
}

Result<void> CheckUndo(std::span<const uint8_t> original,
                       const VerifiedFile& after) {
  if (!after.undo) return Error{"the patched file has no undo record"};
  const Result<Bytes> reverted = Revert(after.file.bytes, *after.undo);
  if (!reverted) return reverted.error();
  if (!std::equal(reverted->begin(), reverted->end(), original.begin(),
                  original.end())) {
    return Error{"the undo record leads to another file than the original"};
  }
  return {};
}

}  // namespace

Result<void> CheckPatched(std::span<const uint8_t> original, const Plan& plan,
                          const SharedBytes& patched,
                          const std::optional<UndoRecord>& side) {
  Result<void> outside = CheckOutsideEdits(original, plan.edits, patched);
  if (!outside) return outside;
  const VerifiedFile after = VerifyBytes("", patched, side);
  Result<void> fixed = CheckFixed(after);
  if (!fixed) return fixed;
  Result<void> relocations = CheckRelocationsWithLief(*after.image);
  if (!relocations) return relocations;
  Result<void> listing = CheckListing(*after.image, plan.stub);
  if (!listing) return listing;
  return CheckUndo(original, after);
}

}  // namespace detachfix
