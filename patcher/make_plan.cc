// SPDX-License-Identifier: Apache-2.0
// Tries the ways to hook in a fixed order, first with the free space the file
// has, then with a section appended to it, and keeps the first that works. What
// each attempt needs is taken from a Draft of its own, so an attempt that fails
// leaves nothing behind.
#include "patcher/make_plan.h"

#include <algorithm>
#include <cassert>

#include "patcher/draft.h"
#include "patcher/hex_text.h"
#include "patcher/hook.h"
#include "patcher/import_edit.h"
#include "patcher/padding.h"
#include "patcher/seal_plan.h"
#include "patcher/stub_x86.h"
#include "patcher/undo_record.h"

namespace detachfix {
namespace {

/// Most bytes that an appended section may hold: one page of i386.
constexpr uint32_t kNewSectionCapacity = 0x1000;

/// What every attempt works on.
struct Question {
  const PeImage& image;
  const EntryTraces& traces;
  const References& references;
  const KnownCode& code;
  std::vector<Rva> leaked;  ///< in the order of their addresses
  ImportName initialised_by;
};

/// One way to hook: what goes into the stub, and how control gets there.
struct Tactic {
  std::string name;
  std::vector<HookSite> sites;  ///< empty: the entry point moves
};

/// A second undo record would leave nobody sure which one leads back.
Result<void> CheckNoUndoRecord(const PeImage& image) {
  const Result<std::optional<FoundUndoRecord>> found =
      FindUndoRecord(image.bytes);
  if (!found) {
    return Error{"the file looks patched already: " + found.error().message};
  }
  if (!*found) return {};
  return Error{"the file was patched already, by detachfix " +
               (*found)->record.version + ", and leaks: revert it first"};
}

Result<void> CheckImage(const PeImage& image) {
  if (image.machine != kMachineI386) {
    return Error{"code for machine " + HexNumber(image.machine) +
                 " cannot be made"};
  }
  const DataDirectory& certificate = image.directory(Directory::kCertificate);
  if (certificate.size != 0) {
    return Error{"the file is signed: certificate table at " +
                 HexNumber(certificate.rva) + ", " +
                 HexNumber(certificate.size) + " bytes"};
  }
  if (image.directory(Directory::kClrHeader).size != 0) {
    return Error{"the file holds managed code: CLR header at " +
                 HexNumber(image.directory(Directory::kClrHeader).rva)};
  }
  return CheckNoUndoRecord(image);
}

Result<void> CheckDiagnosis(const Diagnosis& diagnosis) {
  if (diagnosis.verdict != Verdict::kLeaks) {
    return Error{std::string("the verdict is ") + ToText(diagnosis.verdict) +
                 ", only a file that leaks is patched"};
  }
  if (!diagnosis.traces) return Error{"the verdict rests on no trace"};
  if (std::none_of(diagnosis.critical_sections.begin(),
                   diagnosis.critical_sections.end(),
                   [](const CriticalSection& s) { return s.leaked; })) {
    return Error{"no leaked section is at a fixed place in the image"};
  }
  return {};
}

Question MakeQuestion(const PeImage& image, const References& references,
                      const KnownCode& code, const Diagnosis& diagnosis) {
  Question question{image, *diagnosis.traces, references, code, {}, {}};
  for (const CriticalSection& section : diagnosis.critical_sections) {
    if (!section.leaked) continue;
    if (question.leaked.empty()) {
      question.initialised_by = section.initialised_by;
    }
    question.leaked.push_back(section.rva);
  }
  std::sort(question.leaked.begin(), question.leaked.end());
  return question;
}

Result<Tactic> ExitTactic(const Question& q) {
  Result<std::vector<HookSite>> sites =
      HookDetachExits(q.image, q.references, q.code, q.traces, q.leaked);
  if (!sites) return sites.error();
  return Tactic{"exit of the detach path", std::move(*sites)};
}

Result<Tactic> WrapperTactic(const Question& q) {
  Result<void> sound = CheckEntryWrapper(q.image, q.traces);
  if (!sound) return sound.error();
  return Tactic{"entry wrapper", {}};
}

ExitStub Assemble(const Question& q, const Tactic& tactic, Rva at, Rva slot) {
  const DeleteTask task{q.leaked, slot};
  if (tactic.sites.empty()) {
    return {EntryWrapperStub(at, q.image.entry_point, task), {at}};
  }
  std::vector<MovedCode> moved;
  for (const HookSite& site : tactic.sites) moved.push_back(site.moved);
  return DetachExitStub(at, moved, task);
}

/// Leads control to the stub; adds the jumps written to `code`.
void Connect(Draft& draft, const Tactic& tactic, const ExitStub& stub,
             StubCode& code) {
  const PeImage& image = draft.image();
  if (tactic.sites.empty()) {
    draft.Replace(image.entry_point_offset,
                  ToBytes32(stub.entries.front().value), "entry point -> stub");
    return;
  }
  for (size_t i = 0; i < tactic.sites.size(); ++i) {
    const StubLine jump = JumpLine(tactic.sites[i].rva, stub.entries[i]);
    const std::optional<FileOffset> offset =
        ToOffset(image, tactic.sites[i].rva);
    assert(offset);
    draft.Replace(*offset, jump.bytes, "exit of the detach path -> stub");
    code.push_back(jump);
  }
}

Result<DeleteSlot> FindSlot(Draft& draft, const Question& q) {
  std::optional<DeleteSlot> there = ImportedDelete(q.image, q.initialised_by);
  if (there) return *there;
  Result<DeleteSlot> added = AddDeleteImport(draft, q.initialised_by);
  if (!added) {
    return Error{"the delete function is not imported and cannot be added: " +
                 added.error().message};
  }
  return added;
}

/// Space for the stub, the slot, the code, in this order; then all edits.
Result<Plan> Attempt(Draft draft, const Question& q, const Tactic& tactic) {
  const uint32_t size = CodeSize(Assemble(q, tactic, Rva{0}, Rva{0}).code);
  const std::optional<Piece> piece = draft.Take({size, 1, true});
  if (!piece) {
    return Error{"no " + HexNumber(size) +
                 " free bytes in a row for the stub where code may run"};
  }
  const Result<DeleteSlot> slot = FindSlot(draft, q);
  if (!slot) return slot.error();

  const ExitStub stub = Assemble(q, tactic, piece->rva, slot->slot);
  draft.Fill(*piece, CodeBytes(stub.code),
             "stub: deletes through the slot of " + ToText(slot->name));
  StubCode code = stub.code;
  Connect(draft, tactic, stub, code);

  Plan plan;
  plan.hook = tactic.name;
  plan.cave = piece->text;
  plan.edits = draft.Finish();
  Result<std::vector<ListingLine>> listing = ListCode(code, q.image.image_base);
  if (!listing) return listing.error();
  plan.stub = std::move(*listing);
  return SealPlan(q.image, std::move(plan), draft.padding());
}

std::string Reasons(const std::vector<std::string>& rejected) {
  std::string text;
  for (const std::string& reason : rejected) {
    text += (text.empty() ? "" : "; ") + reason;
  }
  return text;
}

/// All ways with the given free space. Reasons are added to `rejected`.
std::optional<Plan> TryTactics(const Question& q,
                               const std::vector<Cave>& caves,
                               const std::string& where,
                               std::vector<std::string>& rejected) {
  static const std::pair<const char*, Result<Tactic> (*)(const Question&)>
      kTactics[] = {{"exit of the detach path", ExitTactic},
                    {"entry wrapper", WrapperTactic}};
  for (const auto& [name, find] : kTactics) {
    const Result<Tactic> tactic = find(q);
    Result<Plan> plan =
        tactic ? Attempt(Draft(q.image, caves), q, *tactic) : tactic.error();
    if (plan) return std::move(*plan);
    const std::string reason =
        name + (tactic ? where : "") + ": " + plan.error().message;
    if (std::find(rejected.begin(), rejected.end(), reason) == rejected.end()) {
      rejected.push_back(reason);
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Plan> MakePlan(const PeImage& image, const Diagnosis& diagnosis) {
  Result<void> sound = CheckDiagnosis(diagnosis);
  if (!sound) return sound.error();
  sound = CheckImage(image);
  if (!sound) return sound.error();
  const References references(image);
  const KnownCode code = FindKnownCode(image, *diagnosis.traces);
  const Question question = MakeQuestion(image, references, code, diagnosis);

  std::vector<std::string> rejected;
  std::vector<Cave> caves = FindCaves(image, references);
  const std::vector<Cave> padding = FindPadding(image, references, code);
  caves.insert(caves.end(), padding.begin(), padding.end());
  std::optional<Plan> plan = TryTactics(question, caves, "", rejected);
  if (!plan) {
    Result<Cave> room = FindNewSectionRoom(image, kNewSectionCapacity);
    if (room) {
      caves.push_back(*room);
      plan = TryTactics(question, caves, " with a new section", rejected);
    } else {
      rejected.push_back("a new section: " + room.error().message);
    }
  }
  if (!plan) return Error{"no way to hook serves: " + Reasons(rejected)};
  plan->rejected = std::move(rejected);
  return std::move(*plan);
}

}  // namespace detachfix
