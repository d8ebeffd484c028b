// SPDX-License-Identifier: Apache-2.0
// Section numbers are those of SARIF 2.1.0.
#include <nlohmann/json.hpp>

#include "patcher/batch/plain_text.h"
#include "patcher/batch/sarif.h"
#include "patcher/report_text.h"
#include "patcher/sha256.h"

namespace detachfix {

namespace {

using Json = nlohmann::ordered_json;

constexpr char kSarifSchema[] =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json";

/// What a result is about. The ids are stable: people suppress by them.
enum RuleIndex : size_t { kLeak, kUndecided, kRefused, kFailed, kSetupLog };

struct Rule {
  const char* id;
  const char* name;
  const char* level;
  const char* short_text;
  const char* full_text;
};

constexpr Rule kRules[] = {
    {"DETACH001", "CriticalSectionLeaksAtDetach", "error",
     "A critical section is never deleted on detach.",
     "The DLL initialises a critical section when it attaches to a process and "
     "does not delete it when it detaches, so that each load and unload leaks "
     "it: Microsoft Knowledge Base article Q238493. 'detachfix patch' repairs "
     "the file."},
    {"DETACH002", "LeakUndecided", "warning",
     "Whether the file leaks could not be decided.",
     "The analysis could not follow the code of the DLL's entry to its end, or "
     "the analysis and the signatures disagree. Such a file is never patched; "
     "'detachfix explain' shows where the analysis stopped."},
    {"DETACH003", "RepairRefused", "warning",
     "The file was understood and left as it is.",
     "The file is not repaired or reverted because one of detachfix's own "
     "rules forbids it; the message names the rule, and the option that allows "
     "it where there is one."},
    {"DETACH004", "FileNotProcessed", "error",
     "The file could not be read or written.",
     "The file system or the file itself failed, or another program holds the "
     "file; the message says how. Run again when the cause is gone."},
    {"DETACH005", "SetupLogNotUpdated", "error",
     "The file's line in REPAIR\\SETUP.LOG was not updated.",
     "The checksum in the line was to be set to that of the repaired file and "
     "was not; the message says why. Emergency Repair offers to replace a file "
     "that its line does not agree with, so the leak would come back."},
};

/// Dumped compactly, on one line, behind a line end.
std::string Line(const Json& json) {
  return "\n" + json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Relative paths stay relative (section 3.4.3): who reads the log knows from
/// where. The host is named in a merged log alone, where paths may be equal.
std::string UriOf(const BatchItem& item) {
  const std::string& path = item.outcome.path;
  std::string encoded = PercentEncoded(path);
  if (!path.starts_with('/')) return encoded;
  return "file://" + PercentEncoded(item.host) + encoded;
}

/// In messages {0} is a placeholder and [text](target) a link (sections
/// 3.11.5, 3.11.6): a name from a file shall be neither.
std::string MessageText(const std::string& text) {
  std::string escaped;
  for (const char c : Visible(text)) {
    if (c == '{' || c == '}') {
      escaped += {c, c};
    } else {
      if (c == '[' || c == ']') escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

Json RuleJson(const Rule& rule) {
  return {{"id", rule.id},
          {"name", rule.name},
          {"shortDescription", {{"text", rule.short_text}}},
          {"fullDescription", {{"text", rule.full_text}}},
          {"defaultConfiguration", {{"level", rule.level}}},
          {"help", {{"text", rule.full_text}}}};
}

/// The rule that a file breaks, if any.
std::optional<RuleIndex> RuleOf(const FileOutcome& outcome) {
  switch (outcome.action) {
    case Action::kFailed:
      return kFailed;
    case Action::kRefused:
      return outcome.diagnosis.verdict == Verdict::kUnknown ? kUndecided
                                                            : kRefused;
    case Action::kPatched:
    case Action::kReverted:
    case Action::kWouldPatch:
      return kLeak;
    case Action::kNone:
      break;
  }
  if (outcome.diagnosis.verdict == Verdict::kLeaks) return kLeak;
  if (outcome.diagnosis.verdict == Verdict::kUnknown) return kUndecided;
  return std::nullopt;
}

/// Section 3.27.9: a file that was repaired passes now; one that was reverted
/// leaks as it was asked to.
const char* KindOf(Action action) {
  if (action == Action::kPatched) return "pass";
  return action == Action::kReverted ? "informational" : "fail";
}

/// The plan as a change that any program can make (section 3.55): bytes of the
/// file at an offset, replaced.
Json FixJson(const FileOutcome& outcome, const Json& location) {
  Json replacements = Json::array();
  for (const Edit& edit : outcome.plan->edits) {
    replacements.push_back(
        {{"deletedRegion",
          {{"byteOffset", edit.offset.value},
           {"byteLength", edit.before.size()}}},
         {"insertedContent", {{"binary", Base64(edit.after)}}}});
  }
  return {{"description",
           {{"text", MessageText("hook: " + outcome.plan->hook + ", code in " +
                                 outcome.plan->cave)}}},
          {"artifactChanges",
           {{{"artifactLocation", location},
             {"replacements", std::move(replacements)}}}}};
}

Json InvocationJson(const MergedRun& run, int exit_status,
                    const std::string& command) {
  Json invocation;
  if (!run.started.empty()) invocation["startTimeUtc"] = run.started;
  if (!run.finished.empty()) invocation["endTimeUtc"] = run.finished;
  invocation["machine"] = run.host;
  // Section 3.20.14: findings are no failure of the program.
  invocation["executionSuccessful"] =
      !run.interrupted && exit_status != 70 && !run.finished.empty();
  invocation["properties"] = {
      {"run", run.run}, {"command", command}, {"version", run.version}};
  if (!run.shard.empty()) invocation["properties"]["shard"] = run.shard;
  if (run.interrupted) {
    invocation["toolExecutionNotifications"] = {
        {{"level", "error"},
         {"message",
          {{"text",
            "The run was interrupted; files not reached are not listed."}}}}};
  }
  return invocation;
}

Json InvocationsJson(const BatchHead& head) {
  Json invocations = Json::array();
  for (const MergedRun& run : head.merged) {
    invocations.push_back(InvocationJson(run, 0, head.command));
  }
  if (!invocations.empty()) return invocations;
  const MergedRun only{head.run,         head.host,        head.started,
                       head.finished,    head.shard,       head.version,
                       head.interrupted, head.counts.files};
  Json invocation = InvocationJson(only, head.exit_status, head.command);
  invocation["exitCode"] = head.exit_status;
  invocations.push_back(std::move(invocation));
  return invocations;
}

Json LocationJson(const BatchItem& item, uint64_t index) {
  return {{"uri", UriOf(item)}, {"index", index}};
}

/// A result about the file, whose artifact has the index.
Json ResultJson(const BatchItem& item, uint64_t index, RuleIndex rule,
                const std::string& kind, const std::string& text) {
  const FileOutcome& outcome = item.outcome;
  Json place = {{"artifactLocation", LocationJson(item, index)}};
  // The file as a whole, which some viewers want to be said.
  if (outcome.size && item.packing == Packing::kNone) {
    place["region"] = {{"byteOffset", 0}, {"byteLength", *outcome.size}};
  }
  Json result = {{"ruleId", kRules[rule].id},
                 {"ruleIndex", static_cast<size_t>(rule)},
                 {"kind", kind},
                 {"level", kind == "fail" ? kRules[rule].level : "none"},
                 {"message", {{"text", MessageText(text)}}},
                 {"locations", {{{"physicalLocation", std::move(place)}}}}};
  // The same finding in the next run's log: the same place, the same bytes.
  const std::optional<Sha256>& original =
      outcome.sha256_before ? outcome.sha256_before : outcome.sha256;
  if (original) {
    result["partialFingerprints"] = {{"imageSha256/v1", ToHex(*original)}};
  }
  return result;
}

}  // namespace

std::string SarifBegin(const BatchHead& begun) {
  Json rules = Json::array();
  for (const Rule& rule : kRules) rules.push_back(RuleJson(rule));
  const Json driver = {{"name", "detachfix"},
                       {"version", begun.version},
                       {"semanticVersion", begun.version},
                       {"rules", std::move(rules)}};
  const Json id = {{"id", "detachfix/" + begun.command + "/" + begun.run}};
  return "{\n\"$schema\": " + Json(kSarifSchema).dump() +
         ",\n\"version\": \"2.1.0\",\n\"runs\": [{\n\"tool\": {\"driver\":" +
         Line(driver) + "},\n\"automationDetails\":" + Line(id) +
         ",\n\"artifacts\": [";
}

std::string SarifArtifact(const BatchItem& item) {
  const FileOutcome& outcome = item.outcome;
  Json artifact = {{"location", {{"uri", UriOf(item)}}}};
  // Of a packed file size and hash are those of the image in it.
  if (outcome.size && item.packing == Packing::kNone) {
    artifact["length"] = *outcome.size;
  }
  artifact["roles"] = {"analysisTarget"};
  if (outcome.machine && item.packing == Packing::kNone) {
    artifact["mimeType"] = "application/vnd.microsoft.portable-executable";
  }
  if (outcome.sha256 && item.packing == Packing::kNone) {
    artifact["hashes"] = {{"sha-256", ToHex(*outcome.sha256)}};
  }
  Json properties = {{"verdict", ToText(outcome.diagnosis.verdict)},
                     {"action", ToText(outcome.action)},
                     {"packing", ToText(item.packing)}};
  if (outcome.sha256 && item.packing != Packing::kNone) {
    properties["imageSha256"] = ToHex(*outcome.sha256);
  }
  if (outcome.sha256_before) {
    properties["sha256Before"] = ToHex(*outcome.sha256_before);
  }
  artifact["properties"] = std::move(properties);
  return Line(artifact);
}

std::vector<std::string> SarifResults(const BatchItem& item, uint64_t index) {
  const FileOutcome& outcome = item.outcome;
  std::vector<std::string> results;
  if (const std::optional<RuleIndex> rule = RuleOf(outcome)) {
    const std::string text = OutcomeStatement(outcome) + ".";
    Json result = ResultJson(item, index, *rule, KindOf(outcome.action), text);
    const bool repairs = outcome.action == Action::kWouldPatch &&
                         outcome.plan && item.packing == Packing::kNone;
    if (repairs) {
      result["fixes"] = {FixJson(outcome, LocationJson(item, index))};
    }
    results.push_back(Line(result));
  }
  const std::string log = SetupLogFailure(item);
  if (!log.empty()) {
    results.push_back(
        Line(ResultJson(item, index, kSetupLog, "fail", log + ".")));
  }
  return results;
}

std::string SarifEnd(const BatchHead& head) {
  return ",\n\"invocations\":" + Line(InvocationsJson(head)) + "\n}]\n}\n";
}

}  // namespace detachfix
