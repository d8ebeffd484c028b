// SPDX-License-Identifier: Apache-2.0
// The other direction of report_json.cc and report_head.cc. The library throws
// where a field is missing or of another type; no exception leaves this file.
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

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

constexpr char kNoReport[] = "is no report of a batch";

const Json& Member(const Json& json, const char* name) {
  const auto it = json.find(name);  // of what is no object: the end
  if (it != json.end()) return *it;
  throw BadValue{std::string(kNoReport) + ": " + name + " is missing"};
}

template <typename T>
T Get(const Json& json, const char* name) {
  try {
    return Member(json, name).get<T>();
  } catch (const Json::exception&) {
    throw BadValue{std::string(kNoReport) + ": " + name +
                   " is of the wrong type"};
  }
}

template <typename T>
void Get(const Json& json, const char* name, T& into) {
  into = Get<T>(json, name);
}

std::string TextOrEmpty(const Json& json, const char* name) {
  return Member(json, name).is_null() ? "" : Get<std::string>(json, name);
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
  CheckSchema(Member(json, "schema"));
  Get(Member(json, "program"), "version", head.version);
  Get(json, "command", head.command);
  Get(json, "run", head.run);
  Get(json, "host", head.host);
  Get(json, "started", head.started);
  Get(json, "roots", head.roots);
  head.shard = TextOrEmpty(json, "shard");
  Get(json, "apply", head.apply);
}

BatchCounts CountsValue(const Json& json) {
  BatchCounts counts;
  Get(json, "files", counts.files);
  Get(json, "leaks", counts.leaks);
  Get(json, "would_patch", counts.would_patch);
  Get(json, "patched", counts.patched);
  Get(json, "reverted", counts.reverted);
  Get(json, "fixed", counts.fixed);
  Get(json, "not_applicable", counts.not_applicable);
  Get(json, "unknown", counts.unknown);
  Get(json, "refused", counts.refused);
  Get(json, "failed", counts.failed);
  return counts;
}

MergedRun MergedValue(const Json& json) {
  return {Get<std::string>(json, "run"),     Get<std::string>(json, "host"),
          Get<std::string>(json, "started"), TextOrEmpty(json, "finished"),
          TextOrEmpty(json, "shard"),        Get<std::string>(json, "version"),
          Get<bool>(json, "interrupted"),    Get<uint64_t>(json, "files")};
}

void PutEndInto(const Json& json, BatchHead& head) {
  head.finished = TextOrEmpty(json, "finished");
  Get(json, "interrupted", head.interrupted);
  Get(json, "exit_status", head.exit_status);
  head.counts = CountsValue(Member(json, "counts"));
  for (const Json& run : Get<std::vector<Json>>(json, "merged")) {
    head.merged.push_back(MergedValue(run));
  }
}

Record RecordValue(const Json& json) {
  CheckSchema(Member(json, "schema"));
  const std::string kind = Get<std::string>(json, "record");
  BatchHead head;
  if (kind == "file") {
    return FileRecord{ItemValue(json), Get<std::string>(json, "run")};
  }
  if (kind == "begin") {
    PutBeginInto(json, head);
    return BeginRecord{head};
  }
  if (kind != "end") throw BadValue{"unknown record '" + kind + "'"};
  Get(json, "run", head.run);
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
  } catch (const Json::parse_error& error) {
    return Error{"is no JSON: wrong or cut off at byte " +
                 std::to_string(error.byte)};
  } catch (const Json::exception&) {
    return Error{kNoReport};
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
  if (text.peek() == std::istream::traits_type::eof()) {
    return Error{"is empty"};
  }
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
