// SPDX-License-Identifier: Apache-2.0
// RFC 4180: lines end with CRLF; a field with a comma, a quote or a line end is
// quoted, and quotes in it doubled. UTF-8 without a mark in front, which
// programs would take for a part of the first name.
//
// Characters that are not seen are written as their numbers: a name on a share
// is not to speak to the terminal on which the table is read.
//
// A spreadsheet takes a field that begins with one of = + - @ for a formula,
// and a name on a share is not to run as one. Such a text gets an apostrophe in
// front, as the OWASP page "CSV Injection" advises, and its path stays exact in
// path_hex.
#include <string>
#include <utility>
#include <vector>

#include "patcher/batch/plain_text.h"
#include "patcher/batch/report_file.h"
#include "patcher/batch/report_forms.h"
#include "patcher/hex_text.h"
#include "patcher/sha256.h"

namespace detachfix {

namespace {

bool LooksLikeFormula(const std::string& text) {
  return !text.empty() &&
         std::string_view("=+-@").find(text[0]) != std::string_view::npos;
}

/// Of a text without control characters but the ends of its lines.
std::string Field(const std::string& text) {
  std::string safe = (LooksLikeFormula(text) ? "'" : "") + text;
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (const char c : safe) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string OrEmpty(const std::optional<Sha256>& hash) {
  return hash ? ToHex(*hash) : "";
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }

/// Where the field "path" is not the path itself.
std::string PathHex(const std::string& path) {
  if (Visible(path) == path && !LooksLikeFormula(path)) return "";
  return HexBytes(
      std::span(reinterpret_cast<const uint8_t*>(path.data()), path.size()),
      "");
}

std::string Machine(const FileOutcome& outcome) {
  return outcome.machine ? MachineName(*outcome.machine) : "";
}

std::string Leaked(const Diagnosis& diagnosis) {
  std::string text;
  for (const CriticalSection& section : diagnosis.critical_sections) {
    if (!section.leaked) continue;
    text += (text.empty() ? "" : " ") + HexNumber(section.rva.value);
  }
  return text;
}

/// Ids of the rows that match, or the class of the match without them.
std::string Builds(const FileOutcome& outcome) {
  if (!outcome.signature) return "";
  std::string text = ToText(outcome.signature->found.match);
  for (const Candidate& candidate : outcome.signature->found.candidates) {
    text += " " + candidate.row.id;
  }
  return text;
}

std::string ChangedBytes(const FileOutcome& outcome) {
  if (!outcome.plan) return "";
  size_t count = 0;
  for (const Edit& edit : outcome.plan->edits) count += edit.after.size();
  return std::to_string(count);
}

std::string SetupLog(const std::optional<SetupLogEntry>& entry) {
  if (!entry) return "";
  if (entry->problem) return entry->problem->message;
  if (entry->updated_to) return "updated";
  return entry->agrees ? "agrees" : "differs";
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : "\n") + Visible(line);
  }
  return text;
}

struct Column {
  const char* name;
  std::string (*value)(const BatchItem& item, const BatchHead& begun);
  bool has_lines = false;  ///< the value is Joined
};

constexpr Column kColumns[] = {
    {"path",
     [](const BatchItem& i, const BatchHead&) { return i.outcome.path; }},
    {"verdict",
     [](const BatchItem& i, const BatchHead&) {
       return std::string(ToText(i.outcome.diagnosis.verdict));
     }},
    {"action",
     [](const BatchItem& i, const BatchHead&) {
       return std::string(ToText(i.outcome.action));
     }},
    {"because", [](const BatchItem& i,
                   const BatchHead&) { return i.outcome.diagnosis.because; }},
    {"error",
     [](const BatchItem& i, const BatchHead&) {
       return i.outcome.error ? i.outcome.error->message : "";
     }},
    {"machine",
     [](const BatchItem& i, const BatchHead&) { return Machine(i.outcome); }},
    {"target",
     [](const BatchItem& i, const BatchHead&) {
       return i.outcome.diagnosis.target.value_or("");
     }},
    {"packing",
     [](const BatchItem& i, const BatchHead&) {
       return std::string(ToText(i.packing));
     }},
    {"size",
     [](const BatchItem& i, const BatchHead&) {
       return i.outcome.size ? std::to_string(*i.outcome.size) : "";
     }},
    {"sha256", [](const BatchItem& i,
                  const BatchHead&) { return OrEmpty(i.outcome.sha256); }},
    {"sha256_before",
     [](const BatchItem& i, const BatchHead&) {
       return OrEmpty(i.outcome.sha256_before);
     }},
    {"leaked_sections",
     [](const BatchItem& i, const BatchHead&) {
       return Leaked(i.outcome.diagnosis);
     }},
    {"signature",
     [](const BatchItem& i, const BatchHead&) { return Builds(i.outcome); }},
    {"hook",
     [](const BatchItem& i, const BatchHead&) {
       return i.outcome.plan ? i.outcome.plan->hook : "";
     }},
    {"cave",
     [](const BatchItem& i, const BatchHead&) {
       return i.outcome.plan ? i.outcome.plan->cave : "";
     }},
    {"bytes_changed", [](const BatchItem& i,
                         const BatchHead&) { return ChangedBytes(i.outcome); }},
    {"placed", [](const BatchItem& i, const BatchHead&) { return i.placed; }},
    {"renamed_to",
     [](const BatchItem& i, const BatchHead&) { return i.renamed_to; }},
    {"setup_log", [](const BatchItem& i,
                     const BatchHead&) { return SetupLog(i.setup_log); }},
    {"from_ledger",
     [](const BatchItem& i, const BatchHead&) { return YesNo(i.from_ledger); }},
    {"notes",
     [](const BatchItem& i, const BatchHead&) {
       return Joined(i.outcome.notes);
     },
     true},
    {"exit_status",
     [](const BatchItem& i, const BatchHead&) {
       return std::to_string(ExitStatus(i));
     }},
    {"path_hex", [](const BatchItem& i,
                    const BatchHead&) { return PathHex(i.outcome.path); }},
    {"run",
     [](const BatchItem& i, const BatchHead& begun) {
       return i.run.empty() ? begun.run : i.run;
     }},
    {"host",
     [](const BatchItem& i, const BatchHead& begun) {
       return i.host.empty() ? begun.host : i.host;
     }},
    {"started",
     [](const BatchItem&, const BatchHead& begun) { return begun.started; }},
    {"version",
     [](const BatchItem&, const BatchHead& begun) { return begun.version; }},
};

std::string Line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += field + ",";
  line.pop_back();
  return line + "\r\n";
}

class CsvReport : public Report {
 public:
  CsvReport(BatchHead begun, std::unique_ptr<ReportFile> file)
      : begun_(std::move(begun)), file_(std::move(file)) {}

  Result<void> Begin() {
    std::vector<std::string> names;
    for (const Column& column : kColumns) names.push_back(column.name);
    return file_->Write(Line(names));
  }

  Result<void> Add(const BatchItem& item) override {
    std::vector<std::string> fields;
    for (const Column& column : kColumns) {
      const std::string value = column.value(item, begun_);
      fields.push_back(Field(column.has_lines ? value : Visible(value)));
    }
    return file_->Write(Line(fields));
  }

  // A table has no place for what is said once; the counts can be had from it.
  Result<void> Finish(const BatchHead&) override { return file_->Commit(); }

 private:
  BatchHead begun_;
  std::unique_ptr<ReportFile> file_;
};

}  // namespace

Result<std::unique_ptr<Report>> OpenCsvReport(Files& files,
                                              const std::string& path,
                                              const BatchHead& begun) {
  Result<std::unique_ptr<ReportFile>> file = ReportFile::Create(files, path);
  if (!file) return file.error();
  std::unique_ptr<CsvReport> report =
      std::make_unique<CsvReport>(begun, std::move(*file));
  const Result<void> written = report->Begin();
  if (!written) return written.error();
  return std::unique_ptr<Report>(std::move(report));
}

}  // namespace detachfix
