// SPDX-License-Identifier: Apache-2.0
#include "patcher/consult_signatures.h"

#include <algorithm>

#include "patcher/ascii_text.h"
#include "patcher/hex_text.h"
#include "patcher/joined.h"
#include "patcher/rebase_invariant.h"
#include "patcher/target.h"

namespace detachfix {

namespace {

std::vector<CodeBytes> CodeOf(const PeImage& image) {
  std::vector<CodeBytes> code;
  const CodeView view = MakeCodeView(image);
  for (const CodeRegion& region : view.regions) {
    if (region.executable) code.push_back({region.begin.value, region.content});
  }
  return code;
}

std::string Ids(const SignatureMatch& match) {
  std::string text;
  for (const Candidate& candidate : match.candidates) {
    text += (text.empty() ? "" : ", ") + candidate.row.id;
  }
  return text;
}

/// What the analysis would have to say of a file in `state`; nothing when both
/// may be true.
bool Contradicts(BuildState state, const Diagnosis& diagnosis) {
  const bool patched = diagnosis.fixed_by == FixedBy::kDetachfix;
  switch (diagnosis.verdict) {
    case Verdict::kUnknown:
      return false;
    case Verdict::kLeaks:
      return state == BuildState::kFixed;
    case Verdict::kNotApplicable:
      return state != BuildState::kNotStated;
    case Verdict::kFixed:
      return state == (patched ? BuildState::kFixed : BuildState::kLeaks);
  }
  return false;
}

/// The RVAs that the row of the very file names and the analysis does not, or
/// the other way round, as a text; empty when both name the same.
std::string OtherSections(const SignatureMatch& match,
                          const Diagnosis& diagnosis) {
  const bool same_file =
      match.match == MatchClass::kExact || match.match == MatchClass::kRebased;
  const bool judged = diagnosis.verdict == Verdict::kLeaks ||
                      diagnosis.verdict == Verdict::kFixed;
  if (!same_file || !judged) return "";
  std::vector<uint32_t> named = match.candidates[0].row.critical_sections;
  if (named.empty()) return "";
  std::vector<uint32_t> seen;
  for (const CriticalSection& section : diagnosis.critical_sections) {
    seen.push_back(section.rva.value);
  }
  std::ranges::sort(named);
  std::ranges::sort(seen);
  if (named == seen) return "";
  std::string text;
  for (const uint32_t rva : named) {
    text += (text.empty() ? "" : ", ") + HexNumber(rva);
  }
  return text;
}

/// Both speak; where they disagree nobody is believed.
void Compare(const SignatureMatch& match, Diagnosis& diagnosis) {
  if (!Identifies(match.match)) return;
  std::string row_says;
  const BuildState state = StateOf(match);
  const std::string sections = OtherSections(match, diagnosis);
  if (Contradicts(state, diagnosis)) {
    row_says = state == BuildState::kLeaks ? "it leaks" : "it is fixed";
  } else if (!sections.empty()) {
    row_says = "its critical sections are at " + sections;
  } else {
    return;
  }
  diagnosis.because = "signature and analysis disagree: " + Ids(match) + " (" +
                      ToText(match.match) + ") says that " + row_says +
                      "; the analysis says " + ToText(diagnosis.verdict) +
                      ": " + diagnosis.because;
  diagnosis.verdict = Verdict::kUnknown;
  diagnosis.fixed_by = FixedBy::kNobody;
}

std::optional<SignatureReport> LookUp(const VerifiedFile& file,
                                      const SignatureTables& tables) {
  if (!file.image || !file.outcome.sha256) return std::nullopt;
  if (!file.undo) {
    return SignatureReport{
        MatchBuild(FactsOf(*file.image, *file.outcome.sha256), tables.rows),
        false};
  }
  Result<Bytes> original = Revert(file.file.bytes, *file.undo);
  if (!original) return std::nullopt;
  const Result<ReadPe> read = ReadPeImage(std::move(*original));
  if (!read || !read->image) return std::nullopt;
  return SignatureReport{
      MatchBuild(FactsOf(*read->image, file.undo->original_sha256),
                 tables.rows),
      true};
}

std::string CandidateLine(const SignatureReport& report,
                          const Candidate& candidate) {
  const bool identifies = Identifies(report.found.match);
  std::string text = "signature: " + std::string(ToText(report.found.match));
  text += identifies ? ": " : " with ";
  text += candidate.row.id + " (" + BuildText(candidate.row);
  if (candidate.row.state != BuildState::kNotStated) {
    text += std::string(", ") + ToText(candidate.row.state);
  }
  return text + ") by " + Joined(candidate.agrees) +
         (report.of_original ? ", for the original" : "");
}

}  // namespace

std::string OwnName(const PeImage& image) {
  std::string name = IdentifyTarget(image).name.value_or("");
  if (name.empty()) name = image.export_name;
  if (name.empty()) name = image.version.original_filename;
  name = LowerAscii(name);
  if (!name.empty() && !name.ends_with(".dll")) name += ".dll";
  return name;
}

BuildFacts FactsOf(const PeImage& image, const Sha256& hash) {
  BuildFacts facts;
  facts.dll = OwnName(image);
  facts.machine = image.machine;
  facts.size = static_cast<uint32_t>(image.bytes.size());
  facts.stamp = image.time_date_stamp;
  facts.linker = {image.major_linker_version, image.minor_linker_version};
  facts.entry = image.entry_point.value;
  facts.image_base = image.image_base;
  facts.checksum = image.checksum;
  facts.description = image.version.file_description;
  facts.sha256 = hash;
  facts.invariant_sha256 = RebaseInvariantSha256(image);
  facts.code = CodeOf(image);
  return facts;
}

void ConsultSignatures(VerifiedFile& file, const SignatureTables& tables) {
  file.outcome.signature = LookUp(file, tables);
  if (!file.outcome.signature) return;
  Compare(file.outcome.signature->found, file.outcome.diagnosis);
}

bool MayContradict(const SignatureTables& tables) {
  return std::ranges::any_of(tables.rows, [](const Signature& row) {
    return row.sha256 || row.invariant_sha256 || row.dllmain;
  });
}

std::vector<std::string> SignatureLines(const SignatureReport& report) {
  std::vector<std::string> lines;
  for (const Candidate& candidate : report.found.candidates) {
    lines.push_back(CandidateLine(report, candidate));
  }
  if (lines.empty()) lines.emplace_back("signature: none");
  return lines;
}

}  // namespace detachfix
