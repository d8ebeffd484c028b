// SPDX-License-Identifier: Apache-2.0
// Tries the ways to hook in a fixed order, first with the free space the file
// has, then with a section appended to it, and keeps the first that works. What
// each attempt needs is taken from a Draft of its own, so an attempt that fails
// leaves nothing behind.
#include "patcher/make_plan.h"

#include <algorithm>
#include <cassert>

#include "patcher/draft.h"
#include "patcher/function_table.h"
#include "patcher/hex_text.h"
#include "patcher/hook.h"
#include "patcher/hook_listing.h"
#include "patcher/import_edit.h"
#include "patcher/number_bytes.h"
#include "patcher/padding.h"
#include "patcher/pe_parts.h"
#include "patcher/seal_plan.h"
#include "patcher/stub.h"
#include "patcher/undo_record.h"

namespace detachfix {
namespace {

/// Most bytes that an appended section may hold: a page of Alpha, two of i386.
constexpr uint32_t kNewSectionCapacity = 0x2000;

/// The stub takes a section to be there while its first word is not zero.
Result<void> CheckInitialWords(const PeImage& image,
                               const Diagnosis& diagnosis) {
  const ByteReader reader(image.bytes);
  for (const CriticalSection& section : diagnosis.critical_sections) {
    if (!section.leaked) continue;
    const std::optional<FileOffset> offset = ToOffset(image, section.rva);
    const std::optional<uint32_t> word =
        offset ? reader.U32(offset->value) : std::nullopt;
    if (word.value_or(0) == 0) continue;
    return Error{"the critical section at " + HexNumber(section.rva.value) +
                 " begins with " + HexNumber(*word) +
                 " in the file: whether it was initialised could not be told"};
  }
  return {};
}

/// What every attempt works on.
struct Question {
  const PeImage& image;
  const StubMaker& maker;
  const EntryTraces& traces;
  const References& references;
  const KnownCode& code;
  Basis basis;
  std::vector<Rva> leaked;  ///< in the order of their addresses
  ImportName initialised_by;
};

/// One way to hook: what goes into the stub, and how control gets there.
struct Tactic {
  HookKind kind;
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

Result<void> CheckImage(const PeImage& image, const PlanOptions& options) {
  if (StubMakerFor(image.machine) == nullptr) {
    return Error{"code for machine " + HexNumber(image.machine) +
                 " cannot be made"};
  }
  const DataDirectory& certificate = image.directory(Directory::kCertificate);
  if (certificate.size != 0 && !options.allow_signed) {
    return Error{"the file is signed: certificate table at " +
                 HexNumber(certificate.rva) + ", " +
                 HexNumber(certificate.size) +
                 " bytes; --allow-signed patches it all the same, and the "
                 "signature is invalid then"};
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
  Question question{image,
                    *StubMakerFor(image.machine),
                    *diagnosis.traces,
                    references,
                    code,
                    diagnosis.basis,
                    {},
                    {}};
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

const char* Name(HookKind kind) {
  switch (kind) {
    case HookKind::kDetachExit:
      return "exit of the detach path";
    case HookKind::kEntryTail:
      return "entry";
    case HookKind::kEntryWrapper:
      return "entry wrapper";
  }
  return "";
}

/// Stubs without a stack frame cannot come back from a call.
Result<void> CheckTailSections(const Question& q) {
  const size_t most = q.maker.rules().most_tail_sections;
  if (q.leaked.size() <= most) return {};
  return Error{"a jump deletes " + std::to_string(most) +
               " critical section, not " + std::to_string(q.leaked.size())};
}

/// What is known of one process says nothing of other ways to return. The
/// wrapper comes behind all of them, and its guard leaves alone what was
/// deleted or not made.
Result<void> CheckBasis(const Question& q, HookKind kind) {
  if (q.basis != Basis::kOneProcess || kind == HookKind::kEntryWrapper) {
    return {};
  }
  return Error{"not every path was followed"};
}

Result<Tactic> FindTactic(const Question& q, HookKind kind) {
  Result<void> known = CheckBasis(q, kind);
  if (!known) return known.error();
  Result<void> sound = kind == HookKind::kEntryWrapper
                           ? CheckEntryWrapper(q.image, q.traces)
                           : CheckTailSections(q);
  if (sound && kind == HookKind::kEntryTail)
    sound = CheckEntryTail(q.image, q.traces);
  if (!sound) return sound.error();
  if (kind != HookKind::kDetachExit) return Tactic{kind, {}};
  Result<std::vector<HookSite>> sites =
      HookDetachExits(q.image, q.references, q.code, q.traces, q.leaked);
  if (!sites) return sites.error();
  return Tactic{kind, std::move(*sites)};
}

Result<Stub> Assemble(const Question& q, const Tactic& tactic, Rva at,
                      Rva slot) {
  const DeleteTask task{q.leaked, slot};
  switch (tactic.kind) {
    case HookKind::kEntryTail:
      return q.maker.EntryTail(at, q.image.entry_point, task);
    case HookKind::kEntryWrapper:
      return q.maker.EntryWrapper(at, q.image.entry_point, task);
    case HookKind::kDetachExit:
      break;
  }
  std::vector<MovedCode> moved;
  for (const HookSite& site : tactic.sites) moved.push_back(site.moved);
  return q.maker.DetachExit(at, moved, task);
}

/// Leads control to the stub; adds the jumps written to `code`.
Result<void> Connect(Draft& draft, const Question& q, const Tactic& tactic,
                     const Stub& stub, StubCode& code) {
  const PeImage& image = draft.image();
  if (tactic.kind != HookKind::kDetachExit) {
    draft.Replace(image.entry_point_offset,
                  ToBytes32(stub.entries.front().value), "entry point -> stub");
    return {};
  }
  for (size_t i = 0; i < tactic.sites.size(); ++i) {
    const Result<StubLine> jump =
        q.maker.Jump(tactic.sites[i].rva, stub.entries[i]);
    if (!jump) return jump.error();
    const std::optional<FileOffset> offset =
        ToOffset(image, tactic.sites[i].rva);
    assert(offset);
    draft.Replace(*offset, jump->bytes, "exit of the detach path -> stub");
    code.push_back(*jump);
  }
  return {};
}

/// Free bytes for the stub. Code with a frame goes behind all functions that
/// the table has, since the table is sorted.
Result<Piece> TakeCode(Draft& draft, const Question& q, const Stub& sketch) {
  const uint32_t size = CodeSize(sketch.code);
  Need need{size, q.maker.rules().code_alignment, true};
  if (sketch.frame) need.lowest = LastFunction(q.image);
  const std::optional<Piece> piece = draft.Take(need);
  if (piece) return *piece;
  return Error{"no " + HexNumber(size) +
               " free bytes in a row for the stub where code may run" +
               (sketch.frame ? ", behind every function of the table" : "")};
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

void ListPlace(const Question& q, const Tactic& tactic, Plan& plan) {
  if (tactic.sites.empty()) {
    plan.before = ListEntry(q.image, q.code);
    return;
  }
  plan.before = ListSites(q.image, q.code, tactic.sites);
  plan.after = ListHooked(plan.before, plan.stub);
}

/// Space for the stub, its function, the slot, the code, in this order; then
/// all edits.
Result<Plan> Attempt(Draft draft, const Question& q, const Tactic& tactic) {
  const Rva near_the_entry = q.image.entry_point;
  const Result<Stub> sketch =
      Assemble(q, tactic, near_the_entry, near_the_entry);
  if (!sketch) return sketch.error();
  const Result<Piece> piece = TakeCode(draft, q, *sketch);
  if (!piece) return piece.error();
  Result<Stub> stub = Assemble(q, tactic, piece->rva, near_the_entry);
  if (stub && stub->frame) {
    Result<void> entered = AddFunction(draft, *stub->frame);
    if (!entered) return entered.error();
  }
  const Result<DeleteSlot> slot = FindSlot(draft, q);
  if (!slot) return slot.error();

  stub = Assemble(q, tactic, piece->rva, slot->slot);
  if (!stub) return stub.error();
  draft.Fill(*piece, CodeBytes(stub->code),
             "stub: deletes through the slot of " + ToText(slot->name));
  StubCode code = stub->code;
  Result<void> connected = Connect(draft, q, tactic, *stub, code);
  if (!connected) return connected.error();

  Plan plan;
  plan.hook = Name(tactic.kind);
  plan.cave = piece->text;
  plan.edits = draft.Finish();
  Result<std::vector<ListingLine>> listing =
      ListCode(code, q.image.machine, q.image.image_base);
  if (!listing) return listing.error();
  plan.stub = std::move(*listing);
  ListPlace(q, tactic, plan);
  return SealPlan(q.image, std::move(plan), draft.padding());
}

/// The plan, unless what it makes could not be followed or would leak. All of
/// these happen: code near the limits of a run gets past them with a stub
/// added; code may hand on its return address, which is the loader's at first
/// and then the stub's; code may clear the first word of a critical section of
/// its own, and the stub then leaves that alone; a table may lie over a field
/// of the headers that changes. The rest is for CheckPatched.
Result<Plan> Followed(const PeImage& image, Result<Plan> plan) {
  if (!plan) return plan;
  const Result<Bytes> bytes = Apply(plan->edits, image.bytes);
  if (!bytes) return plan;
  const Result<ReadPe> patched = ReadPeImage(*bytes);
  if (!patched) {
    return Error{"the patched file could not be read: " +
                 patched.error().message};
  }
  if (!patched->image) return plan;
  if (patched->image->exports != image.exports) {
    return Error{"an export of the patched file would lead elsewhere"};
  }
  const Diagnosis diagnosis = Diagnose(*patched->image);
  if (diagnosis.verdict == Verdict::kLeaks) {
    return Error{"the patched file would still leak: " + diagnosis.because};
  }
  if (diagnosis.verdict == Verdict::kFixed) return plan;
  return Error{std::string("the patched file would be ") +
               ToText(diagnosis.verdict) + ": " + diagnosis.because};
}

std::string Reasons(const std::vector<std::string>& rejected) {
  std::string text;
  for (const std::string& reason : rejected) {
    text += (text.empty() ? "" : "; ") + reason;
  }
  return text;
}

/// All ways from the given draft on. Reasons are added to `rejected`.
std::optional<Plan> TryTactics(const Question& q, const Draft& draft,
                               const std::string& where,
                               std::vector<std::string>& rejected) {
  for (const HookKind kind : q.maker.rules().kinds) {
    const Result<Tactic> tactic = FindTactic(q, kind);
    Result<Plan> plan =
        tactic ? Followed(q.image, Attempt(draft, q, *tactic)) : tactic.error();
    if (plan) return std::move(*plan);
    const std::string reason =
        Name(kind) + (tactic ? where : "") + ": " + plan.error().message;
    if (std::find(rejected.begin(), rejected.end(), reason) == rejected.end()) {
      rejected.push_back(reason);
    }
  }
  return std::nullopt;
}

/// All ways with a section appended. Its header goes behind the others; where
/// the bound import table stands there, it is given up.
std::optional<Plan> TryNewSection(const Question& q, std::vector<Cave> caves,
                                  std::vector<std::string>& rejected) {
  const std::string where = "a new section";
  const Result<Cave> plain = FindNewSectionRoom(q.image, kNewSectionCapacity);
  if (plain) {
    caves.push_back(*plain);
    return TryTactics(q, Draft(q.image, caves), " with " + where, rejected);
  }
  rejected.push_back(where + ": " + plain.error().message);
  const Result<Cave> unbound =
      FindNewSectionRoom(q.image, kNewSectionCapacity, BoundImports::kCleared);
  if (!unbound) return std::nullopt;
  caves.push_back(*unbound);
  Draft draft(q.image, caves);
  Result<void> cleared = ClearBindings(draft);
  if (!cleared) {
    rejected.push_back(where + ": " + cleared.error().message);
    return std::nullopt;
  }
  return TryTactics(q, draft, " with " + where, rejected);
}

}  // namespace

Result<Plan> MakePlan(const PeImage& image, const Diagnosis& diagnosis,
                      const PlanOptions& options) {
  Result<void> sound = CheckDiagnosis(diagnosis);
  if (!sound) return sound.error();
  sound = CheckInitialWords(image, diagnosis);
  if (!sound) return sound.error();
  sound = CheckImage(image, options);
  if (!sound) return sound.error();
  // A verdict rests on none of them, but where code may be put does.
  sound = CheckRelocationsWithLief(image);
  if (!sound) return sound.error();
  const References references(image);
  const KnownCode code = FindKnownCode(image, *diagnosis.traces);
  const Question question = MakeQuestion(image, references, code, diagnosis);

  std::vector<std::string> rejected;
  std::vector<Cave> caves = FindCaves(image, references);
  const std::vector<Cave> padding = FindPadding(image, references, code);
  caves.insert(caves.end(), padding.begin(), padding.end());
  std::optional<Plan> plan =
      TryTactics(question, Draft(image, caves), "", rejected);
  if (!plan) plan = TryNewSection(question, std::move(caves), rejected);
  if (!plan) return Error{"no way to hook serves: " + Reasons(rejected)};
  plan->rejected = std::move(rejected);
  return std::move(*plan);
}

}  // namespace detachfix
