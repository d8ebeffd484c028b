// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/read_report.h"

#include <istream>
#include <streambuf>
#include <utility>

#include "patcher/batch/report.h"
#include "patcher/batch/report_parts.h"

namespace detachfix {

namespace {

constexpr size_t kPartSize = size_t{1} << 20;
/// Longest line of a log: a file with every byte of a large DLL in its edits.
constexpr size_t kLongestLine = size_t{1} << 28;

/// A file as a stream, a part at a time.
class FileBuffer : public std::streambuf {
 public:
  FileBuffer(Files& files, std::string path)
      : files_(files), path_(std::move(path)) {}

  const std::optional<Error>& error() const { return error_; }

 protected:
  int_type underflow() override {
    Result<Bytes> part = files_.ReadPart(path_, read_, kPartSize);
    if (!part) error_ = part.error();
    if (!part || part->empty()) return traits_type::eof();
    part_ = std::move(*part);
    read_ += part_.size();
    char* begin = reinterpret_cast<char*>(part_.data());
    setg(begin, begin, begin + part_.size());
    return traits_type::to_int_type(*begin);
  }

 private:
  Files& files_;
  std::string path_;
  Bytes part_;
  uint64_t read_ = 0;
  std::optional<Error> error_;
};

/// The next line without its end. `whole` tells whether it had one.
bool NextLine(std::streambuf& text, std::string& line, bool& whole) {
  line.clear();
  whole = false;
  for (int c = text.sbumpc(); c != std::streambuf::traits_type::eof();
       c = text.sbumpc()) {
    if (c == '\n') {
      whole = true;
      return true;
    }
    if (line.size() < kLongestLine) line += static_cast<char>(c);
  }
  return !line.empty();
}

/// Whether a killed program or a full disk can have left the line so.
bool IsCutOff(const std::string& line) { return !line.ends_with('}'); }

bool IsBegin(const std::string& line) {
  // It stands behind the schema, in front of anything that a name could fake.
  return line.starts_with("{\"schema\":\"detachfix/1\",\"record\":\"begin\"");
}

/// The number of the line where the last run begins, from 0; a run that was
/// resumed begins where it began first.
Result<uint64_t> LastRun(Files& files, const std::string& path) {
  FileBuffer text(files, path);
  std::string line;
  bool whole = false;
  std::string run;
  uint64_t begin = 0;
  bool found = false;
  for (uint64_t number = 0; NextLine(text, line, whole); ++number) {
    if (!IsBegin(line)) continue;
    const Result<Record> record = ParseRecord(line);
    if (!record) return record.error();
    const std::string& id = std::get<BeginRecord>(*record).head.run;
    if (!found || id != run) begin = number;
    found = true;
    run = id;
  }
  if (text.error()) return *text.error();
  if (!found) return Error{"is no report of a batch: no run begins in it"};
  return begin;
}

/// A run in the making from its lines.
class LogReader {
 public:
  explicit LogReader(const TakeItem& take) : take_(take) {
    // What a run leaves that is killed: no end.
    head_.interrupted = true;
  }

  Result<void> Take(Record record) {
    if (const BeginRecord* begin = std::get_if<BeginRecord>(&record)) {
      if (started_ && begin->head.run != head_.run) return {};
      TakeBegin(begin->head);
    } else if (const EndRecord* end = std::get_if<EndRecord>(&record)) {
      if (end->head.run == head_.run) TakeEnd(end->head, head_);
    } else {
      FileRecord& file = std::get<FileRecord>(record);
      // Another run may write its lines between those of this one.
      if (file.run == head_.run) return take_(std::move(file.item));
    }
    return {};
  }

  const BatchHead& head() const { return head_; }

 private:
  void TakeBegin(const BatchHead& begin) {
    const std::string first_start = started_ ? head_.started : begin.started;
    head_ = begin;
    head_.started = first_start;
    head_.interrupted = true;
    started_ = true;
  }

  const TakeItem& take_;
  BatchHead head_;
  bool started_ = false;
};

Result<BatchHead> ReadLog(Files& files, const std::string& path,
                          const TakeItem& take) {
  const Result<uint64_t> begin = LastRun(files, path);
  if (!begin) return begin.error();
  FileBuffer text(files, path);
  LogReader reader(take);
  std::string line;
  bool whole = false;
  for (uint64_t number = 0; NextLine(text, line, whole); ++number) {
    if (number < *begin || (!whole && IsCutOff(line)) || line.empty()) continue;
    Result<Record> record = ParseRecord(line);
    if (!record && IsCutOff(line)) continue;
    if (!record) {
      return Error{"line " + std::to_string(number + 1) + ": " +
                   record.error().message};
    }
    const Result<void> taken = reader.Take(std::move(*record));
    if (!taken) return taken.error();
  }
  if (text.error()) return *text.error();
  return reader.head();
}

Result<BatchHead> ReadDocument(Files& files, const std::string& path,
                               const TakeItem& take) {
  FileBuffer buffer(files, path);
  std::istream text(&buffer);
  Result<BatchHead> head = ParseDocument(text, take);
  if (buffer.error()) return *buffer.error();
  return head;
}

}  // namespace

Result<BatchHead> ReadReport(Files& files, const std::string& path,
                             const TakeItem& take) {
  const Result<ReportForm> form = ReportFormOf(path);
  if (!form) return form.error();
  if (*form != ReportForm::kJson && *form != ReportForm::kJsonLines) {
    return Error{path + ": only .json and .jsonl can be read back"};
  }
  Result<BatchHead> head = *form == ReportForm::kJson
                               ? ReadDocument(files, path, take)
                               : ReadLog(files, path, take);
  if (!head) return Error{path + ": " + head.error().message};
  return head;
}

}  // namespace detachfix
