// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/report_head.h"

#include <nlohmann/json.hpp>

#include "patcher/report_json.h"

namespace detachfix {

namespace {

using Json = nlohmann::ordered_json;

constexpr Json::error_handler_t kNotUtf8 = Json::error_handler_t::replace;

Json OrNull(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

/// What is known when a run begins.
void PutBegin(const BatchHead& head, Json& json) {
  json["program"] = {{"name", "detachfix"}, {"version", head.version}};
  json["command"] = head.command;
  json["run"] = head.run;
  json["host"] = head.host;
  json["started"] = head.started;
  json["roots"] = head.roots;
  json["shard"] = OrNull(head.shard);
  json["apply"] = head.apply;
}

Json CountsJson(const BatchCounts& counts) {
  return {{"files", counts.files},
          {"leaks", counts.leaks},
          {"would_patch", counts.would_patch},
          {"patched", counts.patched},
          {"reverted", counts.reverted},
          {"fixed", counts.fixed},
          {"not_applicable", counts.not_applicable},
          {"unknown", counts.unknown},
          {"refused", counts.refused},
          {"failed", counts.failed}};
}

Json MergedJson(const std::vector<MergedRun>& runs) {
  Json merged = Json::array();
  for (const MergedRun& run : runs) {
    merged.push_back({{"run", run.run},
                      {"host", run.host},
                      {"started", run.started},
                      {"finished", OrNull(run.finished)},
                      {"shard", OrNull(run.shard)},
                      {"version", run.version},
                      {"interrupted", run.interrupted},
                      {"files", run.files}});
  }
  return merged;
}

/// What is known when it ends.
void PutEnd(const BatchHead& head, Json& json) {
  json["finished"] = OrNull(head.finished);
  json["interrupted"] = head.interrupted;
  json["exit_status"] = head.exit_status;
  json["counts"] = CountsJson(head.counts);
  json["merged"] = MergedJson(head.merged);
}

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, kNotUtf8) + "\n";
}

}  // namespace

std::string DocumentBegin(const BatchHead& begun) {
  Json json = {{"schema", kReportSchema}};
  PutBegin(begun, json);
  std::string text = json.dump(2, ' ', false, kNotUtf8);
  text.resize(text.size() - 2);  // the line end and the closing brace
  return text + ",\n  \"files\": [";
}

std::string DocumentEnd(const BatchHead& head) {
  Json json;
  PutEnd(head, json);
  // Without the opening brace, which DocumentBegin has written.
  return "\n  ]," + json.dump(2, ' ', false, kNotUtf8).substr(1) + "\n";
}

std::string BeginLine(const BatchHead& begun) {
  Json json = {{"schema", kReportSchema}, {"record", "begin"}};
  PutBegin(begun, json);
  return Line(json);
}

std::string EndLine(const BatchHead& head) {
  Json json = {{"schema", kReportSchema}, {"record", "end"}};
  json["run"] = head.run;
  PutEnd(head, json);
  return Line(json);
}

}  // namespace detachfix
