// SPDX-License-Identifier: Apache-2.0
// Which rows a file may be, and how surely.
#ifndef DETACHFIX_SIGNATURES_MATCH_H_
#define DETACHFIX_SIGNATURES_MATCH_H_

#include <span>
#include <string>
#include <vector>

#include "signatures/signature.h"

namespace detachfix {

/// Code of the image at one place. Points into the file's bytes.
struct CodeBytes {
  uint32_t rva = 0;
  std::span<const uint8_t> bytes;
};

/// What a file says of itself, to be compared with rows.
struct BuildFacts {
  std::string dll;  ///< its name by its content, lower case
  uint16_t machine = 0;
  uint32_t size = 0;
  uint32_t stamp = 0;
  LinkerVersion linker;
  uint32_t entry = 0;
  uint32_t image_base = 0;
  uint32_t checksum = 0;
  std::string description;
  Digest sha256{};
  std::optional<Digest> invariant_sha256;
  std::vector<CodeBytes> code;  ///< executable sections
};

/// Ascending by what a match proves.
enum class MatchClass : uint8_t {
  kNone,
  kConsistent,  ///< published facts agree; identifies nothing
  kPattern,     ///< the code that the entry runs through is the row's
  kRebased,     ///< the row's file, but for what REBASE changes
  kExact,       ///< the row's file, bit for bit
};

/// "none", "consistent", "pattern", "rebased", "exact": the words of the JSON.
const char* ToText(MatchClass match);

/// Whether a match of that class tells which build a file is.
bool Identifies(MatchClass match);

/// A row that a file matches.
struct Candidate {
  Signature row;
  /// The facts that agree: names of fields, and "window" for built_after and
  /// built_until.
  std::vector<std::string> agrees;
};

/// What all rows together say of a file.
struct SignatureMatch {
  MatchClass match = MatchClass::kNone;
  /// Every row that matches in this class, those with most agreeing facts
  /// first. None of them is preferred silently.
  std::vector<Candidate> candidates;
};

/// The strongest class in which any of `rows` matches, with all rows that do.
SignatureMatch MatchBuild(const BuildFacts& facts,
                          std::span<const Signature> rows);

/// What the candidates say of the bug, where all that say something agree.
BuildState StateOf(const SignatureMatch& match);

}  // namespace detachfix

#endif  // DETACHFIX_SIGNATURES_MATCH_H_
