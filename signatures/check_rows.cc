// SPDX-License-Identifier: Apache-2.0
#include "signatures/check_rows.h"

namespace detachfix {

namespace {

std::string RowPlace(const Signature& row) {
  return row.file + ":" + std::to_string(row.line) + ": row '" + row.id + "': ";
}

std::string RowName(const Signature& row) {
  return "row '" + row.id + "' at " + row.file + ":" + std::to_string(row.line);
}

/// Remembers who was the first to claim something.
class Claims {
 public:
  /// The row that claimed `what` before `row` did, or nullptr.
  const Signature* Claim(const std::string& what, const Signature& row) {
    return first_.try_emplace(what, &row).first->second;
  }

 private:
  std::map<std::string, const Signature*> first_;
};

bool StatesDiffer(const Signature& a, const Signature& b) {
  return a.state != b.state && a.state != BuildState::kNotStated &&
         b.state != BuildState::kNotStated;
}

/// What a pattern match rests on, as one text.
std::string CodeText(const Signature& row) {
  std::string text =
      MachineName(row.machine) + row.target + PatternText(*row.dllmain);
  for (const CodePart& part : row.helpers) {
    text += "+" + std::to_string(part.from_entry) + PatternText(part.code);
  }
  return text;
}

}  // namespace

std::vector<std::string> ConflictsAmong(std::span<const Signature> rows) {
  std::vector<std::string> messages;
  Claims ids;
  Claims hashes;
  Claims codes;
  const auto unique = [&](Claims& claims, const std::string& what,
                          const Signature& row, const std::string& field) {
    const Signature* first = claims.Claim(what, row);
    if (first == &row) return;
    messages.push_back(RowPlace(row) + "field '" + field +
                       "': is also that of " + RowName(*first));
  };
  for (const Signature& row : rows) {
    unique(ids, row.id, row, "id");
    if (row.sha256) unique(hashes, DigestText(*row.sha256), row, "sha256");
    if (row.invariant_sha256) {
      unique(hashes, DigestText(*row.invariant_sha256), row,
             "invariant_sha256");
    }
    if (!row.dllmain) continue;
    const Signature* first = codes.Claim(CodeText(row), row);
    if (StatesDiffer(*first, row)) {
      messages.push_back(RowPlace(row) + "field 'dllmain': is also that of " +
                         RowName(*first) + ", which has another state");
    }
  }
  return messages;
}

}  // namespace detachfix
