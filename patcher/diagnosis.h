// SPDX-License-Identifier: Apache-2.0
// The verdict on one file, and what it rests on.
#ifndef DETACHFIX_PATCHER_DIAGNOSIS_H_
#define DETACHFIX_PATCHER_DIAGNOSIS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "disasm/trace.h"
#include "patcher/pe_image.h"

namespace detachfix {

enum class Verdict : uint8_t { kLeaks, kFixed, kNotApplicable, kUnknown };

/// "leaks", "fixed", "not-applicable", "unknown": the words of the JSON.
const char* ToText(Verdict verdict);

enum class FixedBy : uint8_t { kNobody, kVendor, kDetachfix };

/// Which loads a verdict speaks of.
enum class Basis : uint8_t {
  kEveryPath,  ///< all, whatever the system answers
  /// All in which there is memory for what is allocated: not every path on
  /// which there is none could be followed.
  kWithMemory,
  /// One in an ordinary process (disasm/process/process.h): not every path
  /// could be followed.
  kOneProcess,
};

/// "with-memory", "one-process": the words of the JSON, which has none for
/// "every-path".
const char* ToText(Basis basis);

/// What a reader is told of it: nothing for every path, or for example ", in
/// one ordinary process (...)".
std::string BasisText(Basis basis);

/// A critical section at a fixed place in the image that attach initialises, or
/// detach and leaves.
struct CriticalSection {
  Rva rva;
  std::optional<Rva> initialised_at;  ///< first call site
  std::optional<Rva> deleted_at;      ///< first call site, on detach
  /// The function that initialises it, e.g.
  /// kernel32.dll!InitializeCriticalSection.
  ImportName initialised_by;
  bool leaked = false;
};

/// The verdict on one image, with everything that it rests on.
struct Diagnosis {
  Verdict verdict = Verdict::kUnknown;
  Basis basis = Basis::kEveryPath;
  FixedBy fixed_by = FixedBy::kNobody;
  std::string
      fixed_version;  ///< detachfix version of the undo record, or empty
  /// One line: why this verdict. For kUnknown what stopped the analysis.
  std::string because;
  /// "security.dll" or "secur128.dll" when the file is that DLL by its content.
  std::optional<std::string> target;
  /// Why it is not the target, when it is not: for the refusal of `patch`.
  std::string not_target_because;
  std::vector<CriticalSection> critical_sections;
  std::vector<std::string> evidence;
  /// Absent when the verdict needed none.
  std::optional<EntryTraces> traces;
};

/// Whether the header says that it is a DLL (IMAGE_FILE_DLL).
bool IsDll(const PeImage& image);

/// Whether LoadLibrary calls into `image`: not into a program's (Wine,
/// dlls/ntdll/loader.c; ReactOS, dll/ntdll/ldr/ldrutils.c).
bool HasEntry(const PeImage& image);

/// Whether Diagnose runs code of `image`. Where it does not, it looks at
/// headers, imports, exports, TLS callbacks and version only.
bool NeedsTraces(const PeImage& image);

/// Runs what the loader calls in `image`.
EntryTraces RunEntry(const PeImage& image, Runs runs,
                     Setting setting = Setting::kAny);

/// Which images are judged by their code.
enum class Scope : uint8_t {
  kAnyDll,
  /// Security.dll (and Secur128.dll) by content; any other one is "not
  /// applicable" for not being that.
  kTarget,
};

/// The runs of one image's entry that were made so far.
using KnownRuns = std::map<Setting, EntryTraces>;

/// Judges `image`. Never fails: what cannot be decided is kUnknown. What is in
/// `known` is taken for the runs of this image and not run again; what is run
/// is put into it.
Diagnosis Diagnose(const PeImage& image, Scope scope = Scope::kAnyDll,
                   KnownRuns* known = nullptr);

/// The verdict on a file whose machine or format is not looked into.
Diagnosis NotApplicable(const OtherMachine& other);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_DIAGNOSIS_H_
