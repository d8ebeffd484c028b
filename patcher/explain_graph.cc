// SPDX-License-Identifier: Apache-2.0
// The pictures: what a file does now, and beside it what it did before the
// repair that it has had, or what it will do after the one that is planned.
#include <optional>
#include <utility>
#include <vector>

#include "patcher/explain.h"
#include "patcher/graph_text.h"
#include "patcher/patch_file.h"
#include "patcher/report_text.h"
#include "patcher/verify_file.h"

namespace detachfix {

namespace {

/// Points into `file`. Nothing when none of its code was run.
std::optional<GraphPart> MakePart(const VerifiedFile& file,
                                  const std::string& name,
                                  const std::string& when,
                                  const SymbolNames& names) {
  const Diagnosis& diagnosis = file.outcome.diagnosis;
  if (!file.image || !diagnosis.traces) return std::nullopt;
  GraphPart part;
  part.name = name;
  part.title = when + ": " + VerdictText(diagnosis);
  part.graph = MakeFlowGraph(MakeCodeView(*file.image), file.image->entry_point,
                             *diagnosis.traces, ChangedAddresses(file));
  part.traces = &*diagnosis.traces;
  part.names = names;
  return part;
}

/// The file with its repair, where one is possible.
std::optional<VerifiedFile> Repaired(VerifiedFile& file) {
  if (file.outcome.diagnosis.verdict != Verdict::kLeaks) return std::nullopt;
  Result<PatchedBytes> patched = PatchInMemory(file);
  if (!patched) return std::nullopt;
  return VerifyBytes(file.outcome.path, std::move(patched->bytes),
                     patched->side_record);
}

/// The file as it was before its repair.
std::optional<VerifiedFile> Original(const VerifiedFile& file) {
  if (!file.undo) return std::nullopt;
  Result<Bytes> original = Revert(file.file.bytes, *file.undo);
  if (!original) return std::nullopt;
  return VerifyBytes(file.outcome.path, std::move(*original), std::nullopt);
}

void AddPart(std::vector<GraphPart>& parts, const VerifiedFile& file,
             const std::string& name, const std::string& when,
             const SymbolNames& names) {
  std::optional<GraphPart> part = MakePart(file, name, when, names);
  if (part) parts.push_back(std::move(*part));
}

std::string Pictures(VerifiedFile& file) {
  const std::optional<VerifiedFile> original = Original(file);
  const std::optional<VerifiedFile> repaired = Repaired(file);
  std::vector<GraphPart> parts;
  if (original)
    AddPart(parts, *original, "before", "before the repair", file.symbols);
  AddPart(parts, file, "now", file.outcome.path, file.symbols);
  if (repaired)
    AddPart(parts, *repaired, "after", "after the planned repair",
            file.symbols);
  return parts.empty() ? "" : DotText(parts);
}

}  // namespace

Explanation ExplainAsGraph(Files& files, const std::string& path,
                           const SignatureTables& tables) {
  VerifiedFile file = VerifyAndRun(files, path, tables);
  Explanation explanation;
  if (file.image) explanation.text = Pictures(file);
  explanation.state = file.file.state;
  explanation.outcome = std::move(file.outcome);
  return explanation;
}

}  // namespace detachfix
