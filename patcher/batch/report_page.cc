// SPDX-License-Identifier: Apache-2.0
// The one file that includes kainjow's Mustache, whose {{tags}} escape what
// they insert. Of the template libraries that Debian 12 has for C++ it is the
// one without a run-time part. What stands in {{{three}}} braces is ours (style
// and script) or JSON without a '<'.
//
// The page trusts none of its content all the same: its Content-Security-Policy
// (W3C, CSP Level 3, section 6.7) allows the one script and the one style whose
// hashes it names, and no request at all.
#include "patcher/batch/report_page.h"

#include <algorithm>
#include <kainjow/mustache.hpp>

#include "patcher/batch/counts_text.h"
#include "patcher/batch/plain_text.h"
#include "patcher/report_json.h"
#include "patcher/report_text.h"
#include "patcher/sha256.h"
#include "patcher/text_bytes.h"

namespace detachfix {

namespace {

namespace mustache = kainjow::mustache;
using Data = mustache::data;

constexpr char kPage[] =
#include "page_html.inc"
    ;
constexpr char kRow[] =
#include "row_html.inc"
    ;
constexpr char kEnd[] =
#include "end_html.inc"
    ;
constexpr char kStyle[] =
#include "page_css.inc"
    ;
constexpr char kScript[] =
#include "page_js.inc"
    ;

constexpr double kBarWidth = 1000;

/// 'sha256-…', as CSP names an inline script or style.
std::string HashSource(const std::string& text) {
  return "sha256-" + Base64(HashSha256(BytesOf(text)));
}

struct Outcome {
  const char* name;
  const char* label;
  uint64_t BatchCounts::*count;
  const char* meaning;
};

// In the order of how much they ask of the reader.
constexpr Outcome kOutcomes[] = {
    {"failed", "Failed", &BatchCounts::failed,
     "could not be read or written; run again when the cause is gone"},
    {"leaks", "Leaks", &BatchCounts::leaks, "leaks and was not repaired"},
    {"refused", "Refused", &BatchCounts::refused,
     "understood and left alone, for the reason given"},
    {"unknown", "Unknown", &BatchCounts::unknown,
     "could not be decided, so left alone"},
    {"would-patch", "Would be patched", &BatchCounts::would_patch,
     "leaks; --apply repairs it"},
    {"patched", "Patched", &BatchCounts::patched,
     "leaked, was repaired and checked by reading it back"},
    {"reverted", "Reverted", &BatchCounts::reverted,
     "the original is back, proven by its SHA-256"},
    {"fixed", "Fixed", &BatchCounts::fixed, "needed nothing: fixed before"},
    {"not-applicable", "Not applicable", &BatchCounts::not_applicable,
     "needed nothing: no such critical section"},
};

Data OutcomeRows(const BatchCounts& counts) {
  Data rows{Data::type::list};
  for (const Outcome& outcome : kOutcomes) {
    const uint64_t count = counts.*outcome.count;
    Data row;
    row["name"] = outcome.name;
    row["label"] = outcome.label;
    row["meaning"] = outcome.meaning;
    row["count"] = Grouped(count);
    row.set("zero", count == 0);
    rows << row;
  }
  return rows;
}

Data Bars(const BatchCounts& counts) {
  Data bars{Data::type::list};
  const double all = static_cast<double>(std::max<uint64_t>(counts.files, 1));
  double x = 0;
  for (const Outcome& outcome : kOutcomes) {
    const uint64_t count = counts.*outcome.count;
    if (count == 0) continue;
    const double width = kBarWidth * static_cast<double>(count) / all;
    Data bar;
    bar["name"] = outcome.name;
    bar["label"] = outcome.label;
    bar["count"] = Grouped(count);
    bar["x"] = std::to_string(x);
    bar["width"] = std::to_string(width);
    bars << bar;
    x += width;
  }
  return bars;
}

Data MergedRows(const std::vector<MergedRun>& runs) {
  Data rows{Data::type::list};
  for (const MergedRun& run : runs) {
    Data row;
    row["run"] = Visible(run.run);
    row["host"] = Visible(run.host);
    row["shard"] = Visible(run.shard);
    row["started"] = Visible(run.started);
    row["finished"] =
        Visible(run.finished) + (run.interrupted ? " (interrupted)" : "");
    row["files"] = Grouped(run.files);
    row["version"] = Visible(run.version);
    rows << row;
  }
  return rows;
}

/// What the run was, in the words of its command line.
std::string CommandLine(const BatchHead& head) {
  std::string text = "detachfix " + head.command;
  if (head.apply && head.command == "batch") text += " --apply";
  if (!head.shard.empty()) text += " --shard " + head.shard;
  for (const std::string& root : head.roots) text += " " + root;
  return Visible(text);
}

std::string Title(const BatchHead& head) {
  if (head.command == "revert") return "Originals given back";
  return head.apply ? "Repair of leaking DLLs" : "Dry run: nothing was changed";
}

struct StatusText {
  int status;
  const char* tone;
  const char* text;
};

// Of docs/report-format.md, "Exit status".
constexpr StatusText kStatusTexts[] = {
    {0, "good",
     "Every file is fixed now, or has nothing to fix; every revert gave the "
     "original back."},
    {1, "warn", "At least one file leaks and was not patched."},
    {2, "warn", "At least one file is undecided, or was refused."},
    {3, "bad", "At least one file could not be read or written."},
    {70, "bad", "A bug of detachfix showed; please report it."},
    {130, "warn", "The run was interrupted."},
};

void PutStatus(int status, Data& page) {
  page["exit_status"] = std::to_string(status);
  for (const StatusText& row : kStatusTexts) {
    if (row.status != status) continue;
    page["status_tone"] = row.tone;
    page["status_text"] = row.text;
  }
}

std::string Render(const char* source, const Data& data) {
  mustache::mustache page{source};
  return page.render(data);
}

/// JSON that can stand in a script element: "</script" ends it anywhere, and
/// "<!--" changes how it is read. '<' occurs in strings alone, where \u003c is
/// the same (RFC 8259, section 7).
std::string ForScriptElement(const std::string& json) {
  std::string text;
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string PageBegin(const BatchHead& head, uint64_t omitted) {
  Data page;
  page["style"] = kStyle;
  page["style_hash"] = HashSource(kStyle);
  page["script"] = kScript;
  page["script_hash"] = HashSource(kScript);
  page["version"] = Visible(head.version);
  page["command"] = Visible(head.command);
  page["command_line"] = CommandLine(head);
  page["title"] = Title(head);
  page["run"] = Visible(head.run);
  page["host"] = Visible(head.host);
  page["started"] = Visible(head.started);
  page["finished"] = Visible(head.finished);
  page["files"] = Grouped(head.counts.files);
  page.set("interrupted", head.interrupted);
  PutStatus(head.exit_status, page);
  page["counts"] = OutcomeRows(head.counts);
  page["bars"] = Bars(head.counts);
  page.set("has_merged", !head.merged.empty());
  page["merged"] = MergedRows(head.merged);
  if (omitted > 0) {
    page["omitted"] = Grouped(omitted);
  } else {
    page.set("omitted", false);
  }
  return Render(kPage, page);
}

std::string PageRow(const BatchItem& item) {
  static mustache::mustache row{kRow};
  const FileOutcome& outcome = item.outcome;
  Data data;
  data["verdict"] = ToText(outcome.diagnosis.verdict);
  data["action"] = ToText(outcome.action);
  if (item.host.empty()) {
    data.set("host", false);
  } else {
    data["host"] = Visible(item.host);
  }
  data["path"] = Visible(outcome.path);
  const std::string log = SetupLogFailure(item);
  data["what"] =
      Visible(OutcomeStatement(outcome) + (log.empty() ? "" : "; " + log));
  data["size"] = outcome.size ? Grouped(*outcome.size) : "";
  data["sha256"] = outcome.sha256 ? ToHex(*outcome.sha256) : "";
  data["json"] = ForScriptElement(JsonObject(item));
  return row.render(data);
}

std::string PageEnd(const BatchHead& head) {
  Data data;
  data["version"] = Visible(head.version);
  return Render(kEnd, data);
}

}  // namespace detachfix
