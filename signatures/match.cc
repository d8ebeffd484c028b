// SPDX-License-Identifier: Apache-2.0
#include "signatures/match.h"

#include <algorithm>

namespace detachfix {

namespace {

using std::chrono::days;
using std::chrono::sys_days;

/// The bytes of the image from `rva` on; empty outside of code.
std::span<const uint8_t> CodeAt(const BuildFacts& facts, int64_t rva) {
  for (const CodeBytes& code : facts.code) {
    const int64_t inside = rva - int64_t{code.rva};
    if (inside >= 0 && inside < std::ssize(code.bytes)) {
      return code.bytes.subspan(static_cast<size_t>(inside));
    }
  }
  return {};
}

bool IsExact(const BuildFacts& facts, const Signature& row) {
  return row.sha256 == facts.sha256;
}

bool IsRebased(const BuildFacts& facts, const Signature& row) {
  return row.invariant_sha256 && row.invariant_sha256 == facts.invariant_sha256;
}

bool HasItsCode(const BuildFacts& facts, const Signature& row) {
  if (!row.dllmain || row.machine != facts.machine || row.target != facts.dll) {
    return false;
  }
  const int64_t entry = facts.entry;
  return Matches(*row.dllmain, CodeAt(facts, entry)) &&
         std::ranges::all_of(row.helpers, [&](const CodePart& part) {
           return Matches(part.code, CodeAt(facts, entry + part.from_entry));
         });
}

/// Whether the description names another edition than `crypto`. KB Q176820:
/// the 40-bit file says "(Export Version)", the 128-bit one "(Domestic Use
/// Only)".
bool NamesAnotherEdition(const std::string& description, uint32_t crypto) {
  if (description.find("(Domestic Use Only)") != std::string::npos) {
    return crypto != 128;
  }
  return description.find("(Export Version)") != std::string::npos &&
         crypto == 128;
}

/// Compares a file with the published facts of one row.
class Comparison {
 public:
  Comparison(const BuildFacts& facts, const Signature& row)
      : facts_(facts), row_(row) {}

  /// The facts that agree; nothing when one does not, or when those that do
  /// are true of any file of the time.
  std::optional<std::vector<std::string>> Run() {
    if (row_.target != facts_.dll || row_.machine != facts_.machine) {
      return std::nullopt;
    }
    Compare("size", row_.size, facts_.size, true);
    Compare("description", row_.description, facts_.description, false);
    if (row_.crypto && NamesAnotherEdition(facts_.description, *row_.crypto)) {
      contradicted_ = true;
    }
    Compare("linker", row_.linker, facts_.linker, false);
    Compare("entry", row_.entry, facts_.entry, false);
    // REBASE writes the base and with it the stamp and the CheckSum. At
    // another base these three tell nothing.
    if (!row_.image_base || *row_.image_base == facts_.image_base) {
      Compare("image_base", row_.image_base, facts_.image_base, false);
      Compare("stamp", row_.stamp, facts_.stamp, true);
      Compare("checksum", row_.checksum, facts_.checksum, true);
      CompareDates();
    }
    if (contradicted_ || !telling_) return std::nullopt;
    return agrees_;
  }

 private:
  template <typename T>
  void Compare(const char* name, const std::optional<T>& published,
               const T& seen, bool telling) {
    if (!published) return;
    if (*published == seen) {
      Agree(name, telling);
    } else {
      contradicted_ = true;
    }
  }

  void Agree(const char* name, bool telling) {
    agrees_.emplace_back(name);
    telling_ |= telling;
  }

  /// A file is linked before it is dated and shipped. A day is allowed for
  /// time zones, which the articles do not name.
  void CompareDates() {
    const sys_days linked{days(facts_.stamp / 86400)};
    const auto too_late = [&](const std::optional<Date>& date) {
      return date && linked > sys_days(*date) + days(1);
    };
    if (too_late(row_.date)) contradicted_ = true;
    if (!row_.built_after && !row_.built_until) return;
    const bool too_early =
        row_.built_after && linked <= sys_days(*row_.built_after);
    // A stamp of 0 is no date.
    if (facts_.stamp == 0 || too_early || too_late(row_.built_until)) {
      contradicted_ = true;
    } else {
      Agree("window", true);
    }
  }

  const BuildFacts& facts_;
  const Signature& row_;
  std::vector<std::string> agrees_;
  bool contradicted_ = false;
  bool telling_ = false;
};

/// The match of one row.
struct RowMatch {
  MatchClass match = MatchClass::kNone;
  std::vector<std::string> agrees;
};

RowMatch MatchRow(const BuildFacts& facts, const Signature& row) {
  if (IsExact(facts, row)) return {MatchClass::kExact, {"sha256"}};
  if (IsRebased(facts, row)) {
    return {MatchClass::kRebased, {"invariant_sha256"}};
  }
  if (HasItsCode(facts, row)) return {MatchClass::kPattern, {"dllmain"}};
  std::optional<std::vector<std::string>> agrees = Comparison(facts, row).Run();
  if (!agrees) return {};
  return {MatchClass::kConsistent, std::move(*agrees)};
}

}  // namespace

const char* ToText(MatchClass match) {
  switch (match) {
    case MatchClass::kNone:
      return "none";
    case MatchClass::kConsistent:
      return "consistent";
    case MatchClass::kPattern:
      return "pattern";
    case MatchClass::kRebased:
      return "rebased";
    case MatchClass::kExact:
      return "exact";
  }
  return "none";
}

bool Identifies(MatchClass match) { return match >= MatchClass::kPattern; }

SignatureMatch MatchBuild(const BuildFacts& facts,
                          std::span<const Signature> rows) {
  SignatureMatch best;
  for (const Signature& row : rows) {
    RowMatch found = MatchRow(facts, row);
    if (found.match == MatchClass::kNone || found.match < best.match) continue;
    if (found.match > best.match) best = {found.match, {}};
    best.candidates.push_back({row, std::move(found.agrees)});
  }
  std::ranges::stable_sort(
      best.candidates, std::ranges::greater(),
      [](const Candidate& candidate) { return candidate.agrees.size(); });
  return best;
}

BuildState StateOf(const SignatureMatch& match) {
  BuildState state = BuildState::kNotStated;
  for (const Candidate& candidate : match.candidates) {
    if (candidate.row.state == BuildState::kNotStated) continue;
    if (state == BuildState::kNotStated) state = candidate.row.state;
    if (state != candidate.row.state) return BuildState::kNotStated;
  }
  return state;
}

}  // namespace detachfix
