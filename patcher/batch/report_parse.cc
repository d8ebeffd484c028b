// SPDX-License-Identifier: Apache-2.0
// The other direction of report_json.cc and report_head.cc. The library throws
// where a field is missing or of another type; no exception leaves this file.
#include <nlohmann/json.hpp>
#include <optional>

#include "patcher/batch/report_parts.h"
#include "patcher/report_json.h"

namespace detachfix {

namespace {

using Json = nlohmann::json;

/// What is wrong with a value that has the right type.
struct BadValue {
  std::string message;
};

std::string TextOrEmpty(const Json& json) {
  return json.is_null() ? "" : json.get<std::string>();
}

template <typename T>
std::optional<T> OrNothing(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<T>();
}

std::optional<Rva> RvaOrNothing(const Json& json) {
  const std::optional<uint32_t> value = OrNothing<uint32_t>(json);
  return value ? std::optional<Rva>(Rva{*value}) : std::nullopt;
}

std::optional<Error> ErrorOrNothing(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return Error{json.get<std::string>()};
}

/// The one of `values` whose word this is.
template <typename T>
T OneOf(const Json& json, std::initializer_list<T> values) {
  const std::string word = TextOrEmpty(json);
  for (const T value : values) {
    if (word == ToText(value)) return value;
  }
  throw BadValue{"unknown word '" + word + "'"};
}

uint8_t Digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  throw BadValue{std::string("'") + c + "' is no hexadecimal digit"};
}

Bytes HexValue(const Json& json) {
  const std::string text = json.get<std::string>();
  if (text.size() % 2 != 0) throw BadValue{"odd number of digits"};
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int byte = Digit(text[i]) << 4 | Digit(text[i + 1]);
    bytes.push_back(static_cast<uint8_t>(byte));
  }
  return bytes;
}

std::optional<Sha256> HashOrNothing(const Json& json) {
  if (json.is_null()) return std::nullopt;
  const Bytes bytes = HexValue(json);
  Sha256 hash{};
  if (bytes.size() != hash.size()) throw BadValue{"a hash of another length"};
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

std::optional<uint16_t> MachineOrNothing(const Json& json) {
  if (json == "i386") return kMachineI386;
  if (json == "alpha") return kMachineAlpha;
  return OrNothing<uint16_t>(json);
}

/// "kernel32.dll!InitializeCriticalSection", "ws2_32.dll!#115".
ImportName ImportValue(const Json& json) {
  const std::string text = json.get<std::string>();
  const size_t mark = text.find('!');
  if (mark == std::string::npos) throw BadValue{"no '!' in " + text};
  ImportName import{text.substr(0, mark), text.substr(mark + 1), {}};
  if (!import.name.starts_with('#')) return import;
  const Json number = Json::parse(import.name.substr(1));
  import.ordinal = number.get<uint16_t>();
  import.name.clear();
  return import;
}

FixedBy FixedByValue(const Json& json) {
  if (json.is_null()) return FixedBy::kNobody;
  if (json == "vendor") return FixedBy::kVendor;
  if (json == "detachfix") return FixedBy::kDetachfix;
  throw BadValue{"fixed by whom: " + json.get<std::string>()};
}

CriticalSection SectionValue(const Json& json) {
  CriticalSection section;
  section.rva = Rva{json.at("rva").get<uint32_t>()};
  section.initialised_at = RvaOrNothing(json.at("initialised_at"));
  section.initialised_by = ImportValue(json.at("initialised_by"));
  section.deleted_at = RvaOrNothing(json.at("deleted_at"));
  section.leaked = json.at("leaked").get<bool>();
  return section;
}

Candidate CandidateValue(const Json& json) {
  Candidate candidate;
  json.at("id").get_to(candidate.row.id);
  json.at("target").get_to(candidate.row.target);
  json.at("product").get_to(candidate.row.product);
  json.at("levels").get_to(candidate.row.levels);
  candidate.row.crypto = OrNothing<uint32_t>(json.at("crypto"));
  candidate.row.state =
      OneOf(json.at("state"),
            {BuildState::kNotStated, BuildState::kLeaks, BuildState::kFixed});
  json.at("agrees").get_to(candidate.agrees);
  return candidate;
}

std::optional<SignatureReport> SignatureValue(const Json& json) {
  if (json.is_null()) return std::nullopt;
  SignatureReport report;
  report.found.match =
      OneOf(json.at("match"),
            {MatchClass::kNone, MatchClass::kConsistent, MatchClass::kPattern,
             MatchClass::kRebased, MatchClass::kExact});
  report.of_original = json.at("of_original").get<bool>();
  for (const Json& candidate : json.at("candidates")) {
    report.found.candidates.push_back(CandidateValue(candidate));
  }
  return report;
}

Diagnosis DiagnosisValue(const Json& json) {
  Diagnosis diagnosis;
  diagnosis.target = OrNothing<std::string>(json.at("target"));
  diagnosis.verdict =
      OneOf(json.at("verdict"), {Verdict::kLeaks, Verdict::kFixed,
                                 Verdict::kNotApplicable, Verdict::kUnknown});
  json.at("because").get_to(diagnosis.because);
  diagnosis.fixed_by = FixedByValue(json.at("fixed_by"));
  diagnosis.fixed_version = TextOrEmpty(json.at("fixed_version"));
  for (const Json& section : json.at("critical_sections")) {
    diagnosis.critical_sections.push_back(SectionValue(section));
  }
  json.at("evidence").get_to(diagnosis.evidence);
  return diagnosis;
}

std::vector<ListingLine> ListingValue(const Json& json) {
  std::vector<ListingLine> listing;
  for (const Json& line : json) {
    listing.push_back({Rva{line.at("rva").get<uint32_t>()},
                       HexValue(line.at("bytes")),
                       line.at("text").get<std::string>()});
  }
  return listing;
}

void TakePlan(const Json& json, FileOutcome& outcome) {
  if (json.at("edits").empty() && json.at("hook").is_null()) return;
  Plan plan;
  plan.hook = TextOrEmpty(json.at("hook"));
  plan.cave = TextOrEmpty(json.at("cave"));
  for (const Json& edit : json.at("edits")) {
    const FileOffset offset{edit.at("offset").get<uint32_t>()};
    const std::optional<Rva> rva = RvaOrNothing(edit.at("rva"));
    if (rva) outcome.edit_rvas[offset] = *rva;
    plan.edits.push_back({offset, HexValue(edit.at("before")),
                          HexValue(edit.at("after")),
                          edit.at("why").get<std::string>()});
  }
  plan.stub = ListingValue(json.at("stub"));
  plan.before = ListingValue(json.at("listing").at("before"));
  plan.after = ListingValue(json.at("listing").at("after"));
  outcome.plan = std::move(plan);
}

FileOutcome OutcomeValue(const Json& json) {
  FileOutcome outcome;
  json.at("path").get_to(outcome.path);
  if (!json.at("path_hex").is_null()) {
    const Bytes path = HexValue(json.at("path_hex"));
    outcome.path.assign(path.begin(), path.end());
  }
  outcome.size = OrNothing<uint64_t>(json.at("size"));
  outcome.sha256 = HashOrNothing(json.at("sha256"));
  outcome.sha256_before = HashOrNothing(json.at("sha256_before"));
  outcome.machine = MachineOrNothing(json.at("machine"));
  outcome.diagnosis = DiagnosisValue(json);
  outcome.signature = SignatureValue(json.at("signature"));
  outcome.action =
      OneOf(json.at("action"),
            {Action::kNone, Action::kWouldPatch, Action::kPatched,
             Action::kReverted, Action::kRefused, Action::kFailed});
  TakePlan(json, outcome);
  outcome.output = TextOrEmpty(json.at("output"));
  outcome.backup = TextOrEmpty(json.at("backup"));
  json.at("notes").get_to(outcome.notes);
  outcome.error = ErrorOrNothing(json.at("error"));
  outcome.is_bug = json.at("exit_status").get<int>() == 70;
  return outcome;
}

std::optional<SetupLogEntry> SetupLogValue(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return SetupLogEntry{
      json.at("path").get<std::string>(), json.at("check_sum").get<uint32_t>(),
      json.at("agrees").get<bool>(), OrNothing<uint32_t>(json.at("updated_to")),
      ErrorOrNothing(json.at("problem"))};
}

BatchItem ItemValue(const Json& json) {
  BatchItem item;
  item.outcome = OutcomeValue(json);
  item.packing = OneOf(json.at("packing"), {Packing::kNone, Packing::kSzdd,
                                            Packing::kKwaj, Packing::kMscf});
  item.placed = TextOrEmpty(json.at("placed"));
  item.renamed_to = TextOrEmpty(json.at("renamed_to"));
  item.setup_log = SetupLogValue(json.at("setup_log"));
  json.at("from_ledger").get_to(item.from_ledger);
  item.run = TextOrEmpty(json.at("from_run"));
  item.host = TextOrEmpty(json.at("host"));
  return item;
}

void CheckSchema(const Json& schema) {
  if (schema == kReportSchema) return;
  throw BadValue{"its schema is " + schema.dump() + ", not \"" + kReportSchema +
                 "\""};
}

void PutBeginInto(const Json& json, BatchHead& head) {
  CheckSchema(json.at("schema"));
  json.at("program").at("version").get_to(head.version);
  json.at("command").get_to(head.command);
  json.at("run").get_to(head.run);
  json.at("host").get_to(head.host);
  json.at("started").get_to(head.started);
  json.at("roots").get_to(head.roots);
  head.shard = TextOrEmpty(json.at("shard"));
  json.at("apply").get_to(head.apply);
}

BatchCounts CountsValue(const Json& json) {
  BatchCounts counts;
  json.at("files").get_to(counts.files);
  json.at("leaks").get_to(counts.leaks);
  json.at("would_patch").get_to(counts.would_patch);
  json.at("patched").get_to(counts.patched);
  json.at("reverted").get_to(counts.reverted);
  json.at("fixed").get_to(counts.fixed);
  json.at("not_applicable").get_to(counts.not_applicable);
  json.at("unknown").get_to(counts.unknown);
  json.at("refused").get_to(counts.refused);
  json.at("failed").get_to(counts.failed);
  return counts;
}

MergedRun MergedValue(const Json& json) {
  return {json.at("run").get<std::string>(),
          json.at("host").get<std::string>(),
          json.at("started").get<std::string>(),
          TextOrEmpty(json.at("finished")),
          TextOrEmpty(json.at("shard")),
          json.at("version").get<std::string>(),
          json.at("interrupted").get<bool>(),
          json.at("files").get<uint64_t>()};
}

void PutEndInto(const Json& json, BatchHead& head) {
  head.finished = TextOrEmpty(json.at("finished"));
  json.at("interrupted").get_to(head.interrupted);
  json.at("exit_status").get_to(head.exit_status);
  head.counts = CountsValue(json.at("counts"));
  for (const Json& run : json.at("merged")) {
    head.merged.push_back(MergedValue(run));
  }
}

Record RecordValue(const Json& json) {
  CheckSchema(json.at("schema"));
  const std::string kind = json.at("record").get<std::string>();
  BatchHead head;
  if (kind == "file") {
    return FileRecord{ItemValue(json), json.at("run").get<std::string>()};
  }
  if (kind == "begin") {
    PutBeginInto(json, head);
    return BeginRecord{head};
  }
  if (kind != "end") throw BadValue{"unknown record '" + kind + "'"};
  json.at("run").get_to(head.run);
  PutEndInto(json, head);
  return EndRecord{head};
}

/// `parse` with what it throws as an Error.
template <typename T, typename Parse>
Result<T> Guarded(const Parse& parse) {
  try {
    return parse();
  } catch (const BadValue& bad) {
    return Error{bad.message};
  } catch (const Json::exception& exception) {
    return Error{std::string("is no report of a batch: ") + exception.what()};
  }
}

/// Hands on the elements of "files" as soon as each is read, and keeps none.
class FilesFilter {
 public:
  explicit FilesFilter(const TakeItem& take) : take_(take) {}

  // The document is at depth 0, its keys and arrays at 1, a file at 2.
  bool Keep(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth == 1 && event == Json::parse_event_t::key) {
      in_files_ = parsed == "files";
      in_schema_ = parsed == "schema";
    }
    if (depth == 1 && in_schema_ && event == Json::parse_event_t::value) {
      CheckSchema(parsed);
    }
    if (!in_files_ || depth != 2 || event != Json::parse_event_t::object_end) {
      return true;
    }
    const Result<void> taken = take_(ItemValue(parsed));
    if (!taken) throw BadValue{taken.error().message};
    return false;
  }

 private:
  const TakeItem& take_;
  bool in_files_ = false;
  bool in_schema_ = false;
};

}  // namespace

Result<BatchHead> ParseDocument(std::istream& text, const TakeItem& take) {
  return Guarded<BatchHead>([&] {
    FilesFilter filter(take);
    const Json document = Json::parse(
        text, [&](int depth, Json::parse_event_t event, Json& parsed) {
          return filter.Keep(depth, event, parsed);
        });
    BatchHead head;
    PutBeginInto(document, head);
    PutEndInto(document, head);
    return head;
  });
}

Result<Record> ParseRecord(const std::string& line) {
  return Guarded<Record>([&] { return RecordValue(Json::parse(line)); });
}

void TakeEnd(const BatchHead& end, BatchHead& into) {
  into.finished = end.finished;
  into.interrupted = end.interrupted;
  into.exit_status = end.exit_status;
  into.counts = end.counts;
  into.merged = end.merged;
}

}  // namespace detachfix
