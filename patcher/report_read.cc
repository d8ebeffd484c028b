// SPDX-License-Identifier: Apache-2.0
#include "patcher/report_read.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "patcher/exit_status.h"
#include "patcher/pe_image.h"

namespace detachfix {

namespace {

using Json = nlohmann::ordered_json;

/// A member that is not what it should be; caught in ReadJsonObject.
struct Wrong {
  std::string member;
};

const Json& Member(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end()) throw Wrong{std::string(name) + " is missing"};
  return *it;
}

template <typename T>
T Get(const Json& json, const char* name) {
  try {
    return Member(json, name).get<T>();
  } catch (const Json::exception&) {
    throw Wrong{std::string(name) + " is of the wrong type"};
  }
}

template <typename T>
std::optional<T> GetOptional(const Json& json, const char* name) {
  if (Member(json, name).is_null()) return std::nullopt;
  return Get<T>(json, name);
}

std::string GetText(const Json& json, const char* name) {
  return GetOptional<std::string>(json, name).value_or("");
}

std::optional<Rva> GetRva(const Json& json, const char* name) {
  const std::optional<uint32_t> rva = GetOptional<uint32_t>(json, name);
  return rva ? std::optional<Rva>(Rva{*rva}) : std::nullopt;
}

uint8_t DigitValue(char digit, const char* name) {
  if (digit >= '0' && digit <= '9') return static_cast<uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') {
    return static_cast<uint8_t>(digit - 'a' + 10);
  }
  throw Wrong{std::string(name) + " is not hexadecimal"};
}

Bytes FromHex(const std::string& text, const char* name) {
  if (text.size() % 2 != 0) {
    throw Wrong{std::string(name) + " is not hexadecimal"};
  }
  Bytes bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(DigitValue(text[i], name) << 4 |
                                         DigitValue(text[i + 1], name)));
  }
  return bytes;
}

std::optional<Sha256> GetSha256(const Json& json, const char* name) {
  const std::optional<std::string> text = GetOptional<std::string>(json, name);
  if (!text) return std::nullopt;
  const Bytes bytes = FromHex(*text, name);
  Sha256 hash{};
  if (bytes.size() != hash.size()) {
    throw Wrong{std::string(name) + " has " + std::to_string(bytes.size()) +
                " bytes"};
  }
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

/// The one of `values` whose ToText is the member.
template <typename T, size_t N>
T GetWord(const Json& json, const char* name, const std::array<T, N>& values) {
  const std::string word = Get<std::string>(json, name);
  for (const T value : values) {
    if (word == ToText(value)) return value;
  }
  throw Wrong{std::string(name) + " is '" + word + "'"};
}

constexpr std::array kVerdicts = {Verdict::kLeaks, Verdict::kFixed,
                                  Verdict::kNotApplicable, Verdict::kUnknown};
constexpr std::array kActions = {Action::kNone,    Action::kWouldPatch,
                                 Action::kPatched, Action::kReverted,
                                 Action::kRefused, Action::kFailed};
constexpr std::array kBases = {Basis::kEveryPath, Basis::kWithMemory,
                               Basis::kOneProcess};
constexpr std::array kPackings = {Packing::kNone, Packing::kSzdd,
                                  Packing::kKwaj, Packing::kMscf};
constexpr std::array kMatches = {MatchClass::kNone, MatchClass::kConsistent,
                                 MatchClass::kPattern, MatchClass::kRebased,
                                 MatchClass::kExact};
constexpr std::array kStates = {BuildState::kNotStated, BuildState::kLeaks,
                                BuildState::kFixed};

std::optional<uint16_t> ReadMachine(const Json& json) {
  const Json& machine = Member(json, "machine");
  if (machine == "i386") return kMachineI386;
  if (machine == "alpha") return kMachineAlpha;
  return GetOptional<uint16_t>(json, "machine");
}

FixedBy ReadFixedBy(const Json& json) {
  const std::string by = GetText(json, "fixed_by");
  if (by == "vendor") return FixedBy::kVendor;
  if (by == "detachfix") return FixedBy::kDetachfix;
  if (by.empty()) return FixedBy::kNobody;
  throw Wrong{"fixed_by is '" + by + "'"};
}

/// "kernel32.dll!InitializeCriticalSection" or "kernel32.dll!#42", as
/// ToText(ImportName) has it.
ImportName ReadImportName(const std::string& text) {
  const size_t mark = text.find('!');
  if (mark == std::string::npos) throw Wrong{"initialised_by has no '!'"};
  ImportName import{text.substr(0, mark), text.substr(mark + 1), std::nullopt};
  if (import.name.starts_with('#')) {
    uint16_t ordinal = 0;
    const char* last = import.name.data() + import.name.size();
    const auto [end, error] =
        std::from_chars(import.name.data() + 1, last, ordinal);
    if (error != std::errc() || end != last) {
      throw Wrong{"initialised_by is '" + text + "'"};
    }
    import.name.clear();
    import.ordinal = ordinal;
  }
  return import;
}

CriticalSection ReadSection(const Json& json) {
  CriticalSection section;
  section.rva = Rva{Get<uint32_t>(json, "rva")};
  section.initialised_at = GetRva(json, "initialised_at");
  section.initialised_by =
      ReadImportName(Get<std::string>(json, "initialised_by"));
  section.deleted_at = GetRva(json, "deleted_at");
  section.leaked = Get<bool>(json, "leaked");
  return section;
}

Candidate ReadCandidate(const Json& json) {
  Candidate candidate;
  candidate.row.id = Get<std::string>(json, "id");
  candidate.row.target = Get<std::string>(json, "target");
  candidate.row.product = Get<std::string>(json, "product");
  candidate.row.levels = Get<std::vector<std::string>>(json, "levels");
  candidate.row.crypto = GetOptional<uint32_t>(json, "crypto");
  if (!Member(json, "state").is_null()) {
    candidate.row.state = GetWord(json, "state", kStates);
  }
  candidate.agrees = Get<std::vector<std::string>>(json, "agrees");
  return candidate;
}

std::optional<SignatureReport> ReadSignature(const Json& json) {
  const Json& member = Member(json, "signature");
  if (member.is_null()) return std::nullopt;
  SignatureReport report;
  report.found.match = GetWord(member, "match", kMatches);
  report.of_original = Get<bool>(member, "of_original");
  for (const Json& candidate : Member(member, "candidates")) {
    report.found.candidates.push_back(ReadCandidate(candidate));
  }
  return report;
}

std::vector<ListingLine> ReadListing(const Json& json, const char* name) {
  std::vector<ListingLine> lines;
  for (const Json& line : Member(json, name)) {
    lines.push_back({Rva{Get<uint32_t>(line, "rva")},
                     FromHex(Get<std::string>(line, "bytes"), "bytes"),
                     Get<std::string>(line, "text")});
  }
  return lines;
}

void ReadPlan(const Json& json, FileOutcome& outcome) {
  Plan plan;
  for (const Json& member : Member(json, "edits")) {
    const FileOffset offset{Get<uint32_t>(member, "offset")};
    plan.edits.push_back({offset,
                          FromHex(Get<std::string>(member, "before"), "before"),
                          FromHex(Get<std::string>(member, "after"), "after"),
                          Get<std::string>(member, "why")});
    const std::optional<Rva> rva = GetRva(member, "rva");
    if (rva) outcome.edit_rvas[offset] = *rva;
  }
  plan.hook = GetText(json, "hook");
  plan.cave = GetText(json, "cave");
  plan.stub = ReadListing(json, "stub");
  const Json& listing = Member(json, "listing");
  plan.before = ReadListing(listing, "before");
  plan.after = ReadListing(listing, "after");
  if (!plan.edits.empty()) outcome.plan = std::move(plan);
}

Diagnosis ReadDiagnosis(const Json& json) {
  Diagnosis diagnosis;
  diagnosis.target = GetOptional<std::string>(json, "target");
  diagnosis.verdict = GetWord(json, "verdict", kVerdicts);
  diagnosis.because = Get<std::string>(json, "because");
  if (json.contains("basis")) {
    diagnosis.basis = GetWord(json, "basis", kBases);
  }
  diagnosis.fixed_by = ReadFixedBy(json);
  diagnosis.fixed_version = GetText(json, "fixed_version");
  for (const Json& section : Member(json, "critical_sections")) {
    diagnosis.critical_sections.push_back(ReadSection(section));
  }
  diagnosis.evidence = Get<std::vector<std::string>>(json, "evidence");
  return diagnosis;
}

std::string ReadPath(const Json& json) {
  const std::optional<std::string> hex =
      GetOptional<std::string>(json, "path_hex");
  if (!hex) return Get<std::string>(json, "path");
  const Bytes bytes = FromHex(*hex, "path_hex");
  return std::string(bytes.begin(), bytes.end());
}

FileOutcome ReadOutcome(const Json& json) {
  FileOutcome outcome;
  outcome.path = ReadPath(json);
  outcome.size = GetOptional<uint64_t>(json, "size");
  outcome.sha256 = GetSha256(json, "sha256");
  outcome.sha256_before = GetSha256(json, "sha256_before");
  outcome.machine = ReadMachine(json);
  outcome.diagnosis = ReadDiagnosis(json);
  outcome.signature = ReadSignature(json);
  outcome.action = GetWord(json, "action", kActions);
  ReadPlan(json, outcome);
  outcome.output = GetText(json, "output");
  outcome.backup = GetText(json, "backup");
  outcome.notes = Get<std::vector<std::string>>(json, "notes");
  const std::optional<std::string> error =
      GetOptional<std::string>(json, "error");
  if (error) outcome.error = Error{*error};
  // A bug is told by nothing else than the status that it has.
  outcome.is_bug = Get<int>(json, "exit_status") == kExitBug;
  return outcome;
}

std::optional<SetupLogEntry> ReadSetupLog(const Json& json) {
  const Json& member = Member(json, "setup_log");
  if (member.is_null()) return std::nullopt;
  SetupLogEntry entry;
  entry.path = Get<std::string>(member, "path");
  entry.check_sum = Get<uint32_t>(member, "check_sum");
  entry.agrees = Get<bool>(member, "agrees");
  entry.updated_to = GetOptional<uint32_t>(member, "updated_to");
  const std::optional<std::string> problem =
      GetOptional<std::string>(member, "problem");
  if (problem) entry.problem = Error{*problem};
  return entry;
}

}  // namespace

Result<BatchItem> ReadJsonObject(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error{"is not a JSON object"};
  try {
    BatchItem item;
    item.outcome = ReadOutcome(json);
    item.packing = GetWord(json, "packing", kPackings);
    item.placed = GetText(json, "placed");
    item.renamed_to = GetText(json, "renamed_to");
    item.setup_log = ReadSetupLog(json);
    const int status = Get<int>(json, "exit_status");
    if (item.setup_log && item.setup_log->problem &&
        status > ExitStatus(item.outcome)) {
      item.setup_log->exit_status = status;
    }
    item.from_ledger = Get<bool>(json, "from_ledger");
    item.run = GetText(json, "from_run");
    item.host = GetText(json, "host");
    return item;
  } catch (const Wrong& wrong) {
    return Error{wrong.member};
  }
}

}  // namespace detachfix
