// SPDX-License-Identifier: Apache-2.0
// The other direction of report_json.cc and report_head.cc. The library throws
// where a field is missing or of another type; no exception leaves this file.
#include <nlohmann/json.hpp>
#include <utility>

#include "patcher/batch/report_parts.h"
#include "patcher/report_json.h"
#include "patcher/report_read.h"

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

/// One of "files", which the ledger keeps in the same form.
BatchItem ItemValue(const Json& json) {
  Result<BatchItem> item = ReadJsonObject(json.dump());
  if (!item) throw BadValue{"a file of it: " + item.error().message};
  return std::move(*item);
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
