// SPDX-License-Identifier: Apache-2.0
#include "patcher/report_text.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>

#include "patcher/consult_signatures.h"
#include "patcher/hex_text.h"
#include "patcher/sha256.h"
#include "patcher/utf8.h"

namespace detachfix {

namespace {

// Select Graphic Rendition of ECMA-48, section 8.3.117.
constexpr char kRed[] = "\x1b[31m";
constexpr char kGreen[] = "\x1b[32m";
constexpr char kYellow[] = "\x1b[33m";
constexpr char kPlain[] = "\x1b[0m";

const char* ColourOf(const FileOutcome& outcome) {
  if (outcome.action == Action::kRefused) return kYellow;
  switch (outcome.diagnosis.verdict) {
    case Verdict::kLeaks:
      return kRed;
    case Verdict::kFixed:
      return kGreen;
    case Verdict::kUnknown:
      return kYellow;
    case Verdict::kNotApplicable:
      return "";
  }
  return "";
}

std::string Count(size_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

/// The sections that the verdict is about: the leaked ones of a leaking file,
/// all of a fixed one.
std::string SectionsText(const Diagnosis& diagnosis) {
  const bool leaks = diagnosis.verdict == Verdict::kLeaks;
  std::vector<const CriticalSection*> shown;
  for (const CriticalSection& section : diagnosis.critical_sections) {
    if (!leaks || section.leaked) shown.push_back(&section);
  }
  if (shown.size() == 1) return SectionText(*shown[0]);
  std::string text = Count(shown.size(), "critical section");
  text += leaks ? " never deleted on detach:" : " deleted on detach:";
  for (const CriticalSection* section : shown) {
    text += (section == shown.front() ? " " : ", ");
    text += HexNumber(section->rva.value);
    if (section->initialised_at) {
      text += " (initialised at " + HexNumber(section->initialised_at->value);
      if (section->deleted_at) {
        text += ", deleted at " + HexNumber(section->deleted_at->value);
      }
      text += ")";
    }
  }
  return text;
}

std::string VerdictDetail(const Diagnosis& diagnosis) {
  const bool about_sections = diagnosis.verdict == Verdict::kLeaks ||
                              diagnosis.verdict == Verdict::kFixed;
  if (about_sections && !diagnosis.critical_sections.empty()) {
    return SectionsText(diagnosis) + BasisText(diagnosis.basis);
  }
  return diagnosis.because;
}

size_t ChangedBytes(const Plan& plan) {
  size_t count = 0;
  for (const Edit& edit : plan.edits) count += edit.after.size();
  return count;
}

// What an earlier run did is known without its plan.
std::string PatchText(const FileOutcome& outcome) {
  if (!outcome.plan) return VerdictDetail(outcome.diagnosis);
  const Plan& plan = *outcome.plan;
  return Count(plan.edits.size(), "edit") + ", " +
         Count(ChangedBytes(plan), "byte") + ", hook: " + plan.hook +
         ", code in " + plan.cave;
}

std::string ErrorText(const FileOutcome& outcome) {
  return outcome.error ? outcome.error->message : outcome.diagnosis.because;
}

/// What the command did, or would do, or did not do.
std::string ActionDetail(const FileOutcome& outcome) {
  switch (outcome.action) {
    case Action::kNone:
      return VerdictDetail(outcome.diagnosis);
    case Action::kWouldPatch:
      return PatchText(outcome);
    case Action::kPatched:
      return VerdictText(outcome.diagnosis) + " now; " + PatchText(outcome) +
             (outcome.output.empty() ? "" : ", to " + outcome.output);
    case Action::kReverted:
      return "the original is back" +
             (outcome.sha256 ? ", SHA-256 " + ToHex(*outcome.sha256) : "");
    case Action::kRefused:
    case Action::kFailed:
      return ErrorText(outcome);
  }
  return "";
}

std::string Headline(const FileOutcome& outcome) {
  switch (outcome.action) {
    case Action::kNone:
      return VerdictText(outcome.diagnosis);
    case Action::kWouldPatch:
      return "would be patched";
    case Action::kPatched:
      return "patched";
    case Action::kReverted:
      return "reverted";
    case Action::kRefused:
      return "refused";
    case Action::kFailed:
      return "error";
  }
  return "error";
}

constexpr size_t kBytesPerLine = 16;

/// "    before  00 11 …", broken into lines of 16 bytes; a longer run of one
/// byte in a line of its own.
std::string BytesText(const std::string& label,
                      std::span<const uint8_t> bytes) {
  const bool all_the_same =
      bytes.size() > kBytesPerLine &&
      std::all_of(bytes.begin(), bytes.end(),
                  [&](uint8_t byte) { return byte == bytes[0]; });
  if (all_the_same) {
    std::string head = label;
    head.resize(8, ' ');
    return "    " + head + HexBytes(bytes.first(1), "") + " (" +
           std::to_string(bytes.size()) + " times)\n";
  }
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kBytesPerLine) {
    const size_t count = std::min(kBytesPerLine, bytes.size() - at);
    std::string head = at == 0 ? label : "";
    head.resize(8, ' ');
    text += "    " + head + HexBytes(bytes.subspan(at, count), " ") + "\n";
  }
  return text;
}

}  // namespace

std::string SectionText(const CriticalSection& section) {
  std::string text =
      "critical section " + HexNumber(section.rva.value) + " is initialised";
  if (section.initialised_at) {
    text += " at " + HexNumber(section.initialised_at->value);
  }
  if (section.leaked) return text + " and never deleted on detach";
  text += " and deleted";
  if (section.deleted_at) {
    text += " at " + HexNumber(section.deleted_at->value);
  }
  return text;
}

std::string VerdictText(const Diagnosis& diagnosis) {
  switch (diagnosis.verdict) {
    case Verdict::kLeaks:
      return "leaks";
    case Verdict::kFixed:
      if (diagnosis.fixed_by == FixedBy::kDetachfix) {
        const std::string& version = diagnosis.fixed_version;
        return "fixed by detachfix " +
               (version.empty() ? "of an unknown version" : version);
      }
      return "fixed by the vendor";
    case Verdict::kNotApplicable:
      return "not applicable";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string ForTerminal(const std::string& text) {
  std::string printable;
  std::string_view rest = text;
  while (!rest.empty()) {
    const Character character = FirstCharacter(rest);
    const std::string_view bytes = rest.substr(0, character.size);
    rest.remove_prefix(character.size);
    // A byte that is no character may be a control one of eight bits, as 9B is
    // (ISO 6429, "CSI").
    const bool is_unseen =
        character.valid ? IsUnseen(character.code)
                        : (static_cast<uint8_t>(bytes[0]) & 0xe0) == 0x80;
    if (!is_unseen) {
      printable += bytes;
      continue;
    }
    for (const char c : bytes) {
      const uint8_t byte = static_cast<uint8_t>(c);
      printable += "\\x" + HexBytes(std::span(&byte, 1), "");
    }
  }
  return printable;
}

std::string OutcomeLine(const FileOutcome& outcome, bool colour) {
  if (outcome.action == Action::kFailed) {
    return ForTerminal(outcome.path + ": " + ErrorText(outcome)) + "\n";
  }
  std::string headline = Headline(outcome);
  const std::string sgr = colour ? ColourOf(outcome) : "";
  if (!sgr.empty()) headline = sgr + headline + kPlain;
  return ForTerminal(outcome.path) + ": " + headline + ": " +
         ForTerminal(ActionDetail(outcome)) + "\n";
}

std::string OutcomeStatement(const FileOutcome& outcome) {
  if (outcome.action == Action::kFailed) {
    return ForTerminal(ErrorText(outcome));
  }
  return Headline(outcome) + ": " + ForTerminal(ActionDetail(outcome));
}

std::string EvidenceText(const FileOutcome& outcome) {
  std::string text;
  const Diagnosis& diagnosis = outcome.diagnosis;
  if (outcome.size) {
    text += "  " + Count(*outcome.size, "byte") + ", SHA-256 " +
            ToHex(*outcome.sha256) + "\n";
  }
  if (outcome.sha256_before) {
    text += "  SHA-256 before: " + ToHex(*outcome.sha256_before) + "\n";
  }
  if (diagnosis.target) {
    text += "  is " + *diagnosis.target + " by its content\n";
  } else if (!diagnosis.not_target_because.empty()) {
    text +=
        "  is not Security.dll: " + ForTerminal(diagnosis.not_target_because) +
        "\n";
  }
  if (outcome.signature) {
    for (const std::string& line : SignatureLines(*outcome.signature)) {
      text += "  " + line + "\n";
    }
  }
  for (const std::string& line : diagnosis.evidence) {
    text += "  " + ForTerminal(line) + "\n";
  }
  for (const std::string& note : outcome.notes) {
    text += "  note: " + ForTerminal(note) + "\n";
  }
  return text;
}

std::string EditText(const Edit& edit, const std::optional<Rva>& rva) {
  std::string text = "  offset " + HexNumber(edit.offset.value);
  if (rva) text += ", RVA " + HexNumber(rva->value);
  text += ", " + Count(edit.after.size(), "byte") + ": " +
          ForTerminal(edit.why) + "\n";
  text += edit.before.empty() ? "    before  (the end of the file)\n"
                              : BytesText("before", edit.before);
  return text + BytesText("after", edit.after);
}

std::string ListingText(std::span<const ListingLine> lines) {
  std::string text;
  for (const ListingLine& line : lines) {
    char row[64];
    snprintf(row, sizeof row, "    %-8s  %-30s  ",
             HexNumber(line.rva.value).c_str(),
             HexBytes(line.bytes, " ").c_str());
    text += row + line.text + "\n";
  }
  return text;
}

std::string PlanText(const FileOutcome& outcome) {
  if (!outcome.plan) return "";
  const Plan& plan = *outcome.plan;
  std::string text;
  for (const std::string& rejected : plan.rejected) {
    text += "  not taken: " + ForTerminal(rejected) + "\n";
  }
  for (const Edit& edit : plan.edits) {
    const auto rva = outcome.edit_rvas.find(edit.offset);
    text += EditText(edit, rva == outcome.edit_rvas.end()
                               ? std::nullopt
                               : std::optional<Rva>(rva->second));
  }
  text += "  injected code, " + ForTerminal(plan.cave) + ":\n" +
          ListingText(plan.stub);
  text += plan.undo_in_file
              ? "  undo record: in the file itself\n"
              : "  undo record: in a side file, NAME.detachfix-undo\n";
  return text;
}

std::string SummaryLine(std::span<const FileOutcome> outcomes) {
  std::map<std::string, size_t> counts;
  for (const FileOutcome& outcome : outcomes) {
    const bool verdict_only = outcome.action == Action::kNone;
    ++counts[verdict_only ? ToText(outcome.diagnosis.verdict)
                          : ToText(outcome.action)];
  }
  std::string text = Count(outcomes.size(), "file") + ":";
  for (const auto& [word, count] : counts) {
    text += (text.back() == ':' ? " " : ", ");
    text += std::to_string(count) + " " + word;
  }
  return text + "\n";
}

}  // namespace detachfix
