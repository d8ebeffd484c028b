// SPDX-License-Identifier: Apache-2.0
// What is known about one shipped build of a DLL: one row of the tables.
#ifndef DETACHFIX_SIGNATURES_SIGNATURE_H_
#define DETACHFIX_SIGNATURES_SIGNATURE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signatures/masked_pattern.h"

namespace detachfix {

/// A SHA-256. Who computes it is not the tables' business.
using Digest = std::array<uint8_t, 32>;

/// 64 lower-case hexadecimal digits, and back. Nothing when it is not that.
std::string DigestText(const Digest& digest);
std::optional<Digest> ParseDigest(const std::string& text);

/// What is said about the leak of KB Q238493 in a build.
enum class BuildState : uint8_t { kNotStated, kLeaks, kFixed };

/// "leaks", "fixed", or an empty text.
const char* ToText(BuildState state);

/// MajorLinkerVersion and MinorLinkerVersion of the optional header.
struct LinkerVersion {
  uint8_t major = 0;
  uint8_t minor = 0;

  friend bool operator==(const LinkerVersion&, const LinkerVersion&) = default;
};

using Date = std::chrono::year_month_day;

/// "1997-05-01".
std::string DateText(const Date& date);

/// Code at a fixed distance from the entry that the entry runs through.
struct CodePart {
  int64_t from_entry = 0;  ///< bytes; negative in front of it
  MaskedPattern code;

  friend bool operator==(const CodePart&, const CodePart&) = default;
};

/// One build. A fact that nobody published and nobody read from a genuine file
/// is absent. Field names are those of the tables; docs/signatures.md has the
/// meaning of each.
struct Signature {
  std::string id;      ///< unique, stable
  std::string target;  ///< "security.dll": lower case
  std::string product;
  std::vector<std::string> levels;
  uint16_t machine = 0;            ///< of the COFF header
  std::optional<uint32_t> crypto;  ///< bits: 40, 56, 128
  BuildState state = BuildState::kNotStated;

  std::optional<uint32_t> size;  ///< bytes
  std::optional<Date> date;      ///< of the file, as published
  /// The build was linked after / not after these days, as far as the release
  /// dates of service packs tell. A plausibility, never an identification.
  std::optional<Date> built_after;
  std::optional<Date> built_until;
  std::optional<uint32_t> stamp;  ///< TimeDateStamp
  std::optional<LinkerVersion> linker;
  std::optional<uint32_t> entry;  ///< AddressOfEntryPoint
  std::optional<uint32_t> image_base;
  std::optional<uint32_t> checksum;        ///< OptionalHeader.CheckSum
  std::optional<std::string> description;  ///< FileDescription of VERSIONINFO
  std::optional<Digest> sha256;
  std::optional<Digest> invariant_sha256;
  std::optional<MaskedPattern> dllmain;  ///< from the entry on
  std::vector<CodePart> helpers;         ///< what else the entry runs through
  /// SHA-256 of `dllmain` with the masked bytes as 0: shows that the pattern
  /// was carried over without a slip.
  std::optional<Digest> dllmain_sha256;
  std::vector<uint32_t> critical_sections;  ///< RVAs

  std::map<std::string, std::string> sources;  ///< by the name of the field
  std::vector<std::string> confirmed_by;       ///< who read a genuine file

  std::string file;   ///< of the table
  uint32_t line = 0;  ///< where the row begins
};

/// "Windows NT 4.0 SP5, i386, 40-bit".
std::string BuildText(const Signature& row);

/// "i386", "alpha", or the number as "0x1f0".
std::string MachineName(uint16_t machine);

/// "Windows NT 4.0" for "nt4"; nothing for a product that is not known.
std::optional<std::string> ProductText(const std::string& product);

/// Whether a row may have this `id`; this among its `levels`: a service pack
/// ("SP3") or the article of a hotfix ("Q238185"); this `crypto`.
bool IsRowId(std::string_view text);
bool IsLevel(std::string_view text);
bool IsCrypto(uint32_t bits);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_SIGNATURE_H_
