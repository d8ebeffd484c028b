// SPDX-License-Identifier: Apache-2.0
#include "patcher/report_json.h"

#include <nlohmann/json.hpp>

#include "patcher/hex_text.h"
#include "patcher/sha256.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

// Ordered, so that the same outcome is the same bytes and reads top down.
using Json = nlohmann::ordered_json;

constexpr char kSignaturesSchema[] = "detachfix-signatures/1";

// Paths and names from a file are bytes, JSON is UTF-8 (RFC 8259, section 8.1).
// What is not UTF-8 becomes U+FFFD; "path_hex" keeps such a path exact.
constexpr Json::error_handler_t kNotUtf8 = Json::error_handler_t::replace;

bool IsUtf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

Json OrNull(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json OrNull(const std::optional<Rva>& rva) {
  return rva ? Json(rva->value) : Json(nullptr);
}

Json OrNull(const std::optional<Sha256>& hash) {
  return hash ? Json(ToHex(*hash)) : Json(nullptr);
}

Json MachineJson(const std::optional<uint16_t>& machine) {
  if (!machine) return nullptr;
  if (*machine == kMachineI386) return "i386";
  if (*machine == kMachineAlpha) return "alpha";
  return *machine;
}

Json FixedByJson(FixedBy by) {
  switch (by) {
    case FixedBy::kVendor:
      return "vendor";
    case FixedBy::kDetachfix:
      return "detachfix";
    case FixedBy::kNobody:
      return nullptr;
  }
  return nullptr;
}

Json SectionsJson(const Diagnosis& diagnosis) {
  Json sections = Json::array();
  for (const CriticalSection& section : diagnosis.critical_sections) {
    sections.push_back({{"rva", section.rva.value},
                        {"initialised_at", OrNull(section.initialised_at)},
                        {"initialised_by", ToText(section.initialised_by)},
                        {"deleted_at", OrNull(section.deleted_at)},
                        {"leaked", section.leaked}});
  }
  return sections;
}

template <typename T, typename Write>
void Put(Json& json, const char* name, const std::optional<T>& value,
         Write write) {
  if (value) json[name] = write(*value);
}

Json RowJson(const Signature& row) {
  const auto same = [](const auto& value) { return value; };
  Json json = {{"id", row.id},
               {"target", row.target},
               {"product", row.product},
               {"levels", row.levels},
               {"machine", MachineName(row.machine)}};
  Put(json, "crypto", row.crypto, same);
  if (row.state != BuildState::kNotStated) json["state"] = ToText(row.state);
  Put(json, "size", row.size, same);
  Put(json, "date", row.date, DateText);
  Put(json, "built_after", row.built_after, DateText);
  Put(json, "built_until", row.built_until, DateText);
  Put(json, "stamp", row.stamp, same);
  Put(json, "linker", row.linker, [](const LinkerVersion& version) {
    return std::to_string(version.major) + "." + std::to_string(version.minor);
  });
  Put(json, "entry", row.entry, same);
  Put(json, "image_base", row.image_base, same);
  Put(json, "checksum", row.checksum, same);
  Put(json, "description", row.description, same);
  Put(json, "sha256", row.sha256, DigestText);
  Put(json, "invariant_sha256", row.invariant_sha256, DigestText);
  Put(json, "dllmain", row.dllmain, PatternText);
  Put(json, "dllmain_sha256", row.dllmain_sha256, DigestText);
  for (const CodePart& part : row.helpers) {
    json["helpers"].push_back(
        {{"from_entry", part.from_entry}, {"code", PatternText(part.code)}});
  }
  if (!row.critical_sections.empty()) {
    json["critical_sections"] = row.critical_sections;
  }
  if (!row.confirmed_by.empty()) json["confirmed_by"] = row.confirmed_by;
  json["source"] = row.sources;
  return json;
}

Json CandidateJson(const Candidate& candidate) {
  const Signature& row = candidate.row;
  return {{"id", row.id},
          {"target", row.target},
          {"product", row.product},
          {"levels", row.levels},
          {"crypto", row.crypto ? Json(*row.crypto) : Json(nullptr)},
          {"state", OrNull(std::string(ToText(row.state)))},
          {"agrees", candidate.agrees}};
}

Json SignatureJson(const std::optional<SignatureReport>& report) {
  if (!report) return nullptr;
  const std::vector<Candidate>& candidates = report->found.candidates;
  Json signature;
  signature["match"] = ToText(report->found.match);
  // One candidate alone is named here too; several never are.
  signature["id"] =
      candidates.size() == 1 ? Json(candidates[0].row.id) : Json(nullptr);
  signature["of_original"] = report->of_original;
  signature["candidates"] = Json::array();
  for (const Candidate& candidate : candidates) {
    signature["candidates"].push_back(CandidateJson(candidate));
  }
  return signature;
}

Json EditsJson(const FileOutcome& outcome) {
  Json edits = Json::array();
  if (!outcome.plan) return edits;
  for (const Edit& edit : outcome.plan->edits) {
    const auto rva = outcome.edit_rvas.find(edit.offset);
    edits.push_back(
        {{"offset", edit.offset.value},
         {"rva", rva == outcome.edit_rvas.end() ? Json(nullptr)
                                                : Json(rva->second.value)},
         {"before", HexBytes(edit.before, "")},
         {"after", HexBytes(edit.after, "")},
         {"why", edit.why}});
  }
  return edits;
}

Json ListingJson(const std::vector<ListingLine>& lines) {
  Json listing = Json::array();
  for (const ListingLine& line : lines) {
    listing.push_back({{"rva", line.rva.value},
                       {"bytes", HexBytes(line.bytes, "")},
                       {"text", line.text}});
  }
  return listing;
}

Json FileJson(const FileOutcome& outcome) {
  const Diagnosis& diagnosis = outcome.diagnosis;
  Json file;
  file["path"] = outcome.path;
  file["path_hex"] =
      IsUtf8(outcome.path)
          ? Json(nullptr)
          : Json(HexBytes(
                std::span(reinterpret_cast<const uint8_t*>(outcome.path.data()),
                          outcome.path.size()),
                ""));
  file["size"] = outcome.size ? Json(*outcome.size) : Json(nullptr);
  file["sha256"] = OrNull(outcome.sha256);
  file["sha256_before"] = OrNull(outcome.sha256_before);
  file["machine"] = MachineJson(outcome.machine);
  file["target"] = OrNull(diagnosis.target.value_or(""));
  file["verdict"] = ToText(diagnosis.verdict);
  file["because"] = diagnosis.because;
  if (diagnosis.basis != Basis::kEveryPath) {
    file["basis"] = ToText(diagnosis.basis);
  }
  file["fixed_by"] = FixedByJson(diagnosis.fixed_by);
  file["fixed_version"] = OrNull(diagnosis.fixed_version);
  file["critical_sections"] = SectionsJson(diagnosis);
  file["signature"] = SignatureJson(outcome.signature);
  file["evidence"] = diagnosis.evidence;
  file["action"] = ToText(outcome.action);
  const Plan plan = outcome.plan.value_or(Plan{});
  file["hook"] = OrNull(plan.hook);
  file["cave"] = OrNull(plan.cave);
  file["edits"] = EditsJson(outcome);
  file["stub"] = ListingJson(plan.stub);
  file["listing"] = {{"before", ListingJson(plan.before)},
                     {"after", ListingJson(plan.after)}};
  file["output"] = OrNull(outcome.output);
  file["backup"] = OrNull(outcome.backup);
  file["notes"] = outcome.notes;
  file["error"] = outcome.error ? Json(outcome.error->message) : Json(nullptr);
  file["exit_status"] = ExitStatus(outcome);
  return file;
}

Json SetupLogJson(const std::optional<SetupLogEntry>& entry) {
  if (!entry) return nullptr;
  return {{"path", entry->path},
          {"check_sum", entry->check_sum},
          {"agrees", entry->agrees},
          {"updated_to",
           entry->updated_to ? Json(*entry->updated_to) : Json(nullptr)},
          {"problem",
           entry->problem ? Json(entry->problem->message) : Json(nullptr)}};
}

Json ItemJson(const BatchItem& item) {
  Json json = FileJson(item.outcome);
  json["exit_status"] = ExitStatus(item);
  json["packing"] = ToText(item.packing);
  json["placed"] = OrNull(item.placed);
  json["renamed_to"] = OrNull(item.renamed_to);
  json["setup_log"] = SetupLogJson(item.setup_log);
  json["from_ledger"] = item.from_ledger;
  json["from_run"] = OrNull(item.run);
  json["host"] = OrNull(item.host);
  return json;
}

}  // namespace

std::string JsonObject(const BatchItem& item) {
  return ItemJson(item).dump(-1, ' ', false, kNotUtf8);
}

std::string JsonLine(const BatchItem& item, const std::string& run) {
  Json line = {{"schema", kReportSchema}, {"record", "file"}, {"run", run}};
  line.update(ItemJson(item));
  return line.dump(-1, ' ', false, kNotUtf8) + "\n";
}

std::string JsonDocument(const ReportHead& head,
                         std::span<const FileOutcome> outcomes) {
  Json document;
  document["schema"] = kReportSchema;
  document["program"] = {{"name", "detachfix"}, {"version", kVersion}};
  document["command"] = head.command;
  document["interrupted"] = head.interrupted;
  document["exit_status"] = head.exit_status;
  document["files"] = Json::array();
  for (const FileOutcome& outcome : outcomes) {
    document["files"].push_back(FileJson(outcome));
  }
  return document.dump(2, ' ', false, kNotUtf8) + "\n";
}

std::string SignaturesJson(std::span<const Signature> rows) {
  Json document;
  document["schema"] = kSignaturesSchema;
  document["rows"] = Json::array();
  for (const Signature& row : rows) document["rows"].push_back(RowJson(row));
  return document.dump(2, ' ', false, kNotUtf8) + "\n";
}

std::string JsonLine(const FileOutcome& outcome) {
  Json line;
  line["schema"] = kReportSchema;
  line.update(FileJson(outcome));
  return line.dump(-1, ' ', false, kNotUtf8) + "\n";
}

}  // namespace detachfix
