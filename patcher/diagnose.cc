// SPDX-License-Identifier: Apache-2.0
// Which loads a verdict can be about: every one, those in which there is
// memory, or one ordinary process. The traces of each are judged in
// judge_traces.cc. An image that cannot reach any of the functions that
// initialise a section has no such section, whatever else it does: it needs no
// trace.

#include <algorithm>

#include "disasm/api.h"
#include "patcher/bytes.h"
#include "patcher/diagnosis.h"
#include "patcher/hex_text.h"
#include "patcher/judge_traces.h"
#include "patcher/other_code.h"
#include "patcher/section_imports.h"
#include "patcher/target.h"

namespace detachfix {
namespace {

/// Whether the verdict is open because some path could not be followed.
bool StoppedShort(const Diagnosis& diagnosis) {
  if (diagnosis.verdict != Verdict::kUnknown) return false;
  const EntryTraces& traces = *diagnosis.traces;
  return !traces.attach.complete || !traces.detach.complete;
}

bool IsDeletion(ApiEffect effect) {
  return effect == ApiEffect::kDeleteSection;
}

/// The addresses, as text, that functions with one of these effects were called
/// with, where those were known.
std::set<std::string> SectionsOf(const Trace& trace, bool (*is)(ApiEffect)) {
  std::set<std::string> sections;
  for (const CallRecord& call : trace.calls) {
    if (!call.import || !is(EffectOf(*call.import))) continue;
    const size_t begin = call.text.find('(') + 1;
    const size_t end = call.text.find_first_of(",)", begin);
    const std::string address = call.text.substr(begin, end - begin);
    if (address.starts_with("0x")) sections.insert(address);
  }
  return sections;
}

/// Where one process shows less than was seen on the paths that were followed
/// before it: it decides nothing then.
std::optional<std::string> FallsShort(const EntryTraces& every,
                                      const EntryTraces& one) {
  if (std::ranges::none_of(one.attach.exits, CanSucceed)) {
    return "attach does not succeed";
  }
  const std::set<std::string> made = SectionsOf(one.attach, InitialisesSection);
  for (const std::string& section :
       SectionsOf(every.attach, InitialisesSection)) {
    if (!made.contains(section)) {
      return "the critical section at " + section + " is not initialised";
    }
  }
  return std::nullopt;
}

/// What speaks against a leak: a way to the deletion that the runs did not
/// take. Where every path was followed there is none, as far as the analysis is
/// right. But a file that is said to leak is changed, so this is asked of it as
/// well.
std::optional<std::string> MayNotLeak(const PeImage& image,
                                      const Diagnosis& diagnosis) {
  std::vector<Rva> leaked;
  std::set<Rva> known;
  for (const CriticalSection& section : diagnosis.critical_sections) {
    known.insert(section.rva);
    if (section.leaked) leaked.push_back(section.rva);
  }
  if (leaked.empty()) return std::nullopt;
  if (diagnosis.traces->attach.keeps_itself_loaded) {
    return "attach loads the image once more, so that FreeLibrary may not "
           "unload it";
  }
  if (const auto call = CallOfAnother(diagnosis.traces->detach)) {
    return "detach leaves the section at " + HexNumber(leaked.front().value) +
           ", but calls another DLL, which may delete it, at " +
           HexNumber(call->value);
  }
  const std::optional<OtherDelete> other =
      FindOtherDelete(image, *diagnosis.traces, leaked, known);
  if (!other) return std::nullopt;
  return "detach leaves the section at " + HexNumber(other->section.value) +
         ", but code that was not run may delete it, at " +
         HexNumber(other->at.value);
}

/// The same, of what other paths showed before one process was run.
std::optional<std::string> IsDeletedElsewhere(const PeImage& image,
                                              const EntryTraces& every,
                                              const Diagnosis& one) {
  const std::set<std::string> deleted = SectionsOf(every.detach, IsDeletion);
  for (const CriticalSection& section : one.critical_sections) {
    const std::string va = HexNumber(image.image_base + section.rva.value);
    if (!section.leaked || !deleted.contains(va)) continue;
    return "detach leaves the section at " + HexNumber(section.rva.value) +
           ", and deletes it on another path";
  }
  return std::nullopt;
}

/// What speaks against there being no section at all, or none that is left.
/// `before`: of many paths, where the verdict is of one process.
std::optional<std::string> MayInitialise(const PeImage& image,
                                         const Diagnosis& diagnosis,
                                         const EntryTraces* before) {
  const bool has_none = diagnosis.verdict == Verdict::kNotApplicable;
  if (!has_none && diagnosis.verdict != Verdict::kFixed) return std::nullopt;
  std::set<Rva> known;
  for (const CriticalSection& section : diagnosis.critical_sections) {
    known.insert(section.rva);
  }
  // Where there are some, ways that were not taken make others too often.
  const std::optional<Rva> at = FindOtherInitialise(
      image, *diagnosis.traces, known, has_none ? before : nullptr);
  if (!at) return std::nullopt;
  return diagnosis.because + ", but code that was not run may initialise " +
         (has_none ? "one" : "another") + ", at " + HexNumber(at->value);
}

/// Only the runs that count.
EntryTraces RunUnlessKnown(const PeImage& image, Setting setting,
                           KnownRuns* known) {
  if (known == nullptr) return RunEntry(image, Runs::kThatCount, setting);
  const auto run = known->find(setting);
  if (run != known->end()) return run->second;
  EntryTraces traces = RunEntry(image, Runs::kThatCount, setting);
  known->emplace(setting, traces);
  return traces;
}

/// Judges what happens in one ordinary process where not every path could be
/// followed. Stays undecided, for both reasons, where that is not known either.
void JudgeOneProcess(const PeImage& image, Diagnosis& diagnosis,
                     KnownRuns* known) {
  Diagnosis one = diagnosis;
  one.critical_sections.clear();
  one.evidence.clear();
  one.basis = Basis::kOneProcess;
  one.traces = RunUnlessKnown(image, Setting::kOrdinary, known);
  JudgeTraces(image, one);
  std::optional<std::string> against;
  if (one.verdict == Verdict::kUnknown) {
    against = one.because;
  } else {
    against = FallsShort(*diagnosis.traces, *one.traces);
  }
  if (!against) against = IsDeletedElsewhere(image, *diagnosis.traces, one);
  if (!against) against = MayNotLeak(image, one);
  if (!against) against = MayInitialise(image, one, &*diagnosis.traces);
  if (against) {
    diagnosis.evidence.push_back("in one ordinary process: " + *against);
    return;
  }
  one.because += BasisText(one.basis);
  one.evidence.insert(one.evidence.begin(), diagnosis.evidence.begin(),
                      diagnosis.evidence.end());
  diagnosis = std::move(one);
}

/// What every path shows, where that is known, else those on which there is
/// memory, else one process. Where a path with memory cannot be followed, the
/// others need not be tried; nor are they, to save time, where no section is
/// made: a failed allocation is no reason to make one.
void JudgeByRunning(const PeImage& image, Diagnosis& diagnosis,
                    KnownRuns* known) {
  Diagnosis every = diagnosis;
  diagnosis.traces = RunUnlessKnown(image, Setting::kMemory, known);
  JudgeTraces(image, diagnosis);
  if (StoppedShort(diagnosis)) {
    JudgeOneProcess(image, diagnosis, known);
    return;
  }
  if (!diagnosis.traces->AssumesMemory()) return;
  if (diagnosis.verdict != Verdict::kNotApplicable) {
    every.traces = RunUnlessKnown(image, Setting::kAny, known);
    JudgeTraces(image, every);
    if (!StoppedShort(every)) {
      diagnosis = std::move(every);
      return;
    }
  }
  diagnosis.basis = Basis::kWithMemory;
  diagnosis.because += BasisText(diagnosis.basis);
  diagnosis.evidence.insert(diagnosis.evidence.begin(), every.evidence.begin(),
                            every.evidence.end());
}

void SetUnknown(Diagnosis& diagnosis, std::string because) {
  diagnosis.verdict = Verdict::kUnknown;
  diagnosis.because = std::move(because);
  diagnosis.basis = Basis::kEveryPath;
  for (CriticalSection& section : diagnosis.critical_sections) {
    section.leaked = false;
  }
}

/// A file is only said to leak, and so changed, or to have nothing to fix,
/// where nothing speaks against it.
void Doubt(const PeImage& image, Diagnosis& diagnosis) {
  std::optional<std::string> against =
      diagnosis.verdict == Verdict::kLeaks
          ? MayNotLeak(image, diagnosis)
          : MayInitialise(image, diagnosis, nullptr);
  if (against) SetUnknown(diagnosis, std::move(*against));
}

/// What else the CLR runs, the constructors of a DLL of C++/CLI among it, is
/// not followed.
void DoubtClr(const PeImage& image, Diagnosis& diagnosis) {
  if (!image.clr_entry || diagnosis.verdict == Verdict::kNotApplicable ||
      diagnosis.verdict == Verdict::kUnknown) {
    return;
  }
  SetUnknown(diagnosis, "the CLR runs its entry, at " +
                            HexNumber(image.clr_entry->value) +
                            ", and may run more: " + diagnosis.because);
}

/// Says of a file with nothing to fix that it is the later Security.dll.
void NameForwarder(const TargetMatch& target, Diagnosis& diagnosis) {
  if (!target.is_forwarder || diagnosis.verdict != Verdict::kNotApplicable) {
    return;
  }
  diagnosis.because =
      "Security.dll of Windows 2000 or later, which forwards to secur32.dll: " +
      diagnosis.because;
}

}  // namespace

bool IsDll(const PeImage& image) {
  constexpr uint16_t kFileDll = 0x2000;  // IMAGE_FILE_DLL (winnt.h)
  return (image.characteristics & kFileDll) != 0;
}

/// Whether it is a driver, also one that others import from and that is a DLL
/// by its header: the kernel calls its entry with a DRIVER_OBJECT and the path
/// of its key in the registry (Windows Driver Kit, "DriverEntry"). A DLL of the
/// subsystem's own processes, which is native too, imports from ntdll.dll.
static bool IsDriver(const PeImage& image) {
  constexpr uint16_t kSubsystemNative = 1;  // IMAGE_SUBSYSTEM_NATIVE (winnt.h)
  const FileOffset subsystem = image.checksum_offset + 4;
  if (ByteReader(image.file()).U16(subsystem.value) != kSubsystemNative) {
    return false;
  }
  const auto is_kernels = [](const ImportedFunction& function) {
    return function.name.dll == "ntoskrnl.exe" ||
           function.name.dll == "hal.dll";
  };
  return std::ranges::any_of(
      image.imports, [&](const ImportDescriptor& descriptor) {
        return std::ranges::any_of(descriptor.functions, is_kernels);
      });
}

bool HasEntry(const PeImage& image) {
  if (!IsDll(image) || IsDriver(image)) return false;
  return image.entry_point.value != 0 || !image.tls_callbacks.empty();
}

const char* ToText(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLeaks:
      return "leaks";
    case Verdict::kFixed:
      return "fixed";
    case Verdict::kNotApplicable:
      return "not-applicable";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

const char* ToText(Basis basis) {
  switch (basis) {
    case Basis::kEveryPath:
      return "every-path";
    case Basis::kWithMemory:
      return "with-memory";
    case Basis::kOneProcess:
      return "one-process";
  }
  return "one-process";
}

std::string BasisText(Basis basis) {
  switch (basis) {
    case Basis::kEveryPath:
      return "";
    case Basis::kWithMemory:
      return ", where there is memory (not every path on which there is none "
             "was followed)";
    case Basis::kOneProcess:
      return ", in one ordinary process (not every path was followed)";
  }
  return "";
}

bool NeedsTraces(const PeImage& image) {
  return HasEntry(image) && MayInitialiseSection(image);
}

EntryTraces RunEntry(const PeImage& image, Runs runs, Setting setting) {
  return TraceEntry(MakeCodeView(image),
                    image.clr_entry.value_or(image.entry_point),
                    image.tls_callbacks, runs, setting);
}

Diagnosis Diagnose(const PeImage& image, Scope scope, KnownRuns* known) {
  Diagnosis diagnosis;
  const TargetMatch target = IdentifyTarget(image);
  diagnosis.target = target.name;
  diagnosis.not_target_because = target.because;
  if (scope == Scope::kTarget && !target.name) {
    diagnosis.verdict = Verdict::kNotApplicable;
    diagnosis.because = "is not Security.dll: " + target.because;
    return diagnosis;
  }
  if (NeedsTraces(image)) {
    JudgeByRunning(image, diagnosis, known);
    Doubt(image, diagnosis);
    DoubtClr(image, diagnosis);
  } else {
    diagnosis.verdict = Verdict::kNotApplicable;
    diagnosis.because =
        HasEntry(image)
            ? "imports no function that initialises a critical section"
        : IsDriver(image)
            ? "is a driver, by its imports from the kernel: its entry is no "
              "DllMain"
        : IsDll(image)
            ? "has no entry point"
            : "is no DLL (IMAGE_FILE_DLL is not set), so that loading it "
              "runs no entry";
  }
  NameForwarder(target, diagnosis);
  return diagnosis;
}

Diagnosis NotApplicable(const OtherMachine& other) {
  Diagnosis diagnosis;
  diagnosis.verdict = Verdict::kNotApplicable;
  diagnosis.because = "machine " + other.text;
  if (!IsListedMachine(other.machine)) {
    diagnosis.because += ", which KB Q238493 does not list";
  }
  return diagnosis;
}

}  // namespace detachfix
