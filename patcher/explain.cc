// SPDX-License-Identifier: Apache-2.0
#include "patcher/explain.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "disasm/instruction.h"
#include "patcher/consult_signatures.h"
#include "patcher/hex_text.h"
#include "patcher/patch_file.h"
#include "patcher/report_text.h"
#include "patcher/sha256.h"
#include "patcher/trace_text.h"

namespace detachfix {

namespace {

std::string HeadText(const VerifiedFile &file) {
  const PeImage &image = *file.image;
  std::string text = "file\n  " + ForTerminal(file.outcome.path) + "\n";
  text += "  image base " + HexNumber(image.image_base) + ", entry " +
          HexNumber(image.entry_point.value) + ", image size " +
          HexNumber(image.size_of_image) + "\n";
  return text;
}

std::string JudgedCode(const VerifiedFile &file) {
  const std::optional<EntryTraces> &traces = file.outcome.diagnosis.traces;
  if (!traces) return "";
  const CodeView view = MakeCodeView(*file.image);
  return "\ncode that was run\n" + MarginLegend() + "\n" +
         CodeListing(view, file.image->entry_point, *traces,
                     ChangedAddresses(file), file.symbols) +
         "\nwhat each run left behind\n" + ExitsText(*traces);
}

std::string VerdictPart(const FileOutcome &outcome) {
  return "\nverdict\n  " + VerdictText(outcome.diagnosis) + ": " +
         ForTerminal(outcome.diagnosis.because) + "\n" + EvidenceText(outcome);
}

std::string PlannedPart(VerifiedFile &file) {
  if (file.outcome.diagnosis.verdict != Verdict::kLeaks) return "";
  const Result<PatchedBytes> patched = PatchInMemory(file);
  if (!patched) {
    return "\nplan\n  none: " + ForTerminal(patched.error().message) + "\n";
  }
  return "\nplan (hook: " + file.outcome.plan->hook + ")\n" +
         PlanText(file.outcome);
}

/// The code among the changed bytes from `begin` to `end`, decoded in a row.
std::string InjectedCode(const PeImage &image, FileOffset begin,
                         FileOffset end) {
  const std::optional<Rva> start = ToRva(image, begin);
  const Section *section = start ? SectionAt(image, *start) : nullptr;
  if (section == nullptr || !section->IsExecutable()) return "";
  const CodeView view = MakeCodeView(image);
  std::vector<ListingLine> lines;
  for (uint32_t at = begin.value; at < end.value;) {
    const Rva rva = *start + (at - begin.value);
    const Instruction instruction = Disassemble(view, rva);
    const uint32_t size = std::min<uint32_t>(instruction.size, end.value - at);
    const auto first = image.bytes.begin() + static_cast<ptrdiff_t>(at);
    lines.push_back(
        {rva, {first, first + static_cast<ptrdiff_t>(size)}, instruction.text});
    at += size;
  }
  return ListingText(lines);
}

std::string RangeText(const VerifiedFile &file, const UndoRange &range,
                      const std::optional<FoundUndoRecord> &record) {
  const FileOffset end = range.offset + range.patched_size;
  const std::optional<Rva> rva = ToRva(*file.image, range.offset);
  Edit edit{
      range.offset,
      range.original,
      {file.file.bytes.begin() + static_cast<ptrdiff_t>(range.offset.value),
       file.file.bytes.begin() + static_cast<ptrdiff_t>(end.value)},
      "changed by detachfix " + file.undo->version};
  const bool holds_record =
      record && record->offset >= range.offset && record->offset < end;
  if (holds_record) edit.why += ", with its undo record";
  const FileOffset code_end = holds_record ? record->offset : end;
  return EditText(edit, rva) +
         InjectedCode(*file.image, range.offset, code_end);
}

std::string ChangedPart(const VerifiedFile &file) {
  if (!file.undo) return "";
  const Result<std::optional<FoundUndoRecord>> found =
      FindUndoRecord(file.file.bytes);
  const std::optional<FoundUndoRecord> record =
      found ? *found : std::optional<FoundUndoRecord>();
  std::string text =
      "\nbytes changed by detachfix " + file.undo->version +
      "\n  original: " + std::to_string(file.undo->original_size) +
      " bytes, SHA-256 " + ToHex(file.undo->original_sha256) + "\n";
  for (const UndoRange &range : file.undo->ranges) {
    text += RangeText(file, range, record);
  }
  return text;
}

}  // namespace

std::set<Rva> ChangedAddresses(const VerifiedFile &file) {
  std::set<Rva> changed;
  if (!file.undo) return changed;
  for (const UndoRange &range : file.undo->ranges) {
    for (uint32_t i = 0; i < range.patched_size; ++i) {
      const std::optional<Rva> rva = ToRva(*file.image, range.offset + i);
      if (rva) changed.insert(*rva);
    }
  }
  return changed;
}

VerifiedFile VerifyAndRun(Files &files, const std::string &path,
                          const SignatureTables &tables) {
  VerifiedFile file = VerifyFile(files, path);
  ConsultSignatures(file, tables);
  std::optional<EntryTraces> &traces = file.outcome.diagnosis.traces;
  const bool all_were_run = traces && !traces->only_some;
  if (file.image && !all_were_run && HasEntry(*file.image)) {
    const Setting setting = traces ? traces->setting : Setting::kAny;
    traces = RunEntry(*file.image, Runs::kAll, setting);
  }
  return file;
}

Explanation Explain(Files &files, const std::string &path,
                    const SignatureTables &tables) {
  VerifiedFile file = VerifyAndRun(files, path, tables);
  Explanation explanation;
  if (file.image) {
    explanation.text = HeadText(file) + JudgedCode(file) +
                       VerdictPart(file.outcome) + PlannedPart(file) +
                       ChangedPart(file);
  } else if (file.outcome.action != Action::kFailed) {
    explanation.text = OutcomeLine(file.outcome, false);
  }
  explanation.state = file.file.state;
  explanation.outcome = std::move(file.outcome);
  return explanation;
}

}  // namespace detachfix
