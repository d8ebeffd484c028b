// SPDX-License-Identifier: Apache-2.0
// Makes a report of a dry run over the files named, and of as many made-up
// items as asked for: what the tests of the forms look at.
//
//   make_report OUT [--made-up N] [--hostile] [--shard I/N] [--host NAME]
//               [--interrupted] FILE...
//   make_report OUT --copy REPORT
#include <iostream>
#include <string>
#include <vector>

#include "patcher/batch/read_report.h"
#include "patcher/batch/report.h"
#include "patcher/exit_status.h"
#include "patcher/load_signatures.h"
#include "patcher/patch_file.h"

namespace detachfix {
namespace {

struct Wanted {
  std::string out;
  std::string copy;  ///< a report to be read and written again
  uint64_t made_up = 0;
  bool hostile = false;
  BatchHead head;
  std::vector<std::string> paths;
};

Wanted ReadWords(const std::vector<std::string>& words) {
  Wanted wanted;
  wanted.head.command = "batch";
  wanted.head.run = "20001224-093005-1a2b";
  wanted.head.host = "images.example";
  wanted.head.started = "2000-12-24T09:30:05Z";
  wanted.head.roots = {"/srv/images"};
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--copy") {
      wanted.copy = words.at(++i);
    } else if (word == "--made-up") {
      wanted.made_up = std::stoull(words.at(++i));
    } else if (word == "--hostile") {
      wanted.hostile = true;
    } else if (word == "--shard") {
      wanted.head.shard = words.at(++i);
    } else if (word == "--host") {
      wanted.head.host = words.at(++i);
    } else if (word == "--run") {
      wanted.head.run = words.at(++i);
    } else if (word == "--interrupted") {
      wanted.head.interrupted = true;
    } else if (wanted.out.empty()) {
      wanted.out = word;
    } else {
      wanted.paths.push_back(word);
    }
  }
  return wanted;
}

/// Names that a share can hold and a page or a table must survive.
std::vector<std::string> HostileNames() {
  return {"/srv/<script>document.title='owned'</script>.dll",
          "/srv/\"><img src=x onerror=\"document.title='owned'\">.dll",
          "/srv/</script><script>document.title='owned'</script>.dll",
          "/srv/<!--<script>.dll",
          "/srv/'{{{path}}}'&amp;.dll",
          "/srv/x\xe2\x80\xaegnp.dll",
          ("/srv/s\xe9"
           "curit\xe9.dll"),
          "/srv/two\nlines, \"quoted\".dll",
          "/srv/\x1b]0;owned\x07\t.dll",
          "/srv/100% [of](them)#?.dll",
          "=HYPERLINK(\"http://example.invalid\";\"x\").dll",
          "-1+2.dll",
          "@SUM(A1).dll"};
}

BatchItem MadeUp(const std::string& path, uint64_t number) {
  constexpr Verdict kVerdicts[] = {Verdict::kNotApplicable, Verdict::kFixed,
                                   Verdict::kUnknown, Verdict::kLeaks};
  BatchItem item;
  item.outcome.path = path;
  item.outcome.size = 45328 + number;
  item.outcome.sha256 = Sha256{static_cast<uint8_t>(number)};
  item.outcome.diagnosis.verdict = kVerdicts[number % 4];
  item.outcome.diagnosis.because = "made up: " + path;
  item.outcome.diagnosis.evidence = {"evidence of " + path};
  item.outcome.notes = {"note on " + path};
  return item;
}

/// What only some items of a batch have.
std::vector<BatchItem> SpecialItems() {
  BatchItem packed = MadeUp("/srv/I386/SECURITY.DL_", 1);
  packed.packing = Packing::kSzdd;
  packed.outcome.action = Action::kPatched;
  packed.outcome.sha256_before = Sha256{7};
  packed.placed = "/srv/I386/Security.dll";
  packed.renamed_to = "/srv/I386/Security.org";
  BatchItem installed = MadeUp("/srv/WINNT/system32/security.dll", 1);
  installed.setup_log = SetupLogEntry{"/srv/WINNT/repair/setup.log", 0x1a2b3,
                                      false, 0x1a2c4, std::nullopt};
  BatchItem known = MadeUp("/srv/known.dll", 0);
  known.from_ledger = true;
  known.setup_log = SetupLogEntry{"/srv/repair/setup.log", 0, false,
                                  std::nullopt, Error{"no such line"}};
  BatchItem not_updated = MadeUp("/srv/NT/system32/security.dll", 1);
  not_updated.outcome.action = Action::kPatched;
  not_updated.setup_log = SetupLogEntry{
      "/srv/NT/repair/setup.log",         0x1a2b3,       false, std::nullopt,
      Error{"not updated: is read-only"}, kExitUndecided};
  return {packed, installed, known, not_updated};
}

Result<void> Make(const Wanted& wanted) {
  const std::unique_ptr<Files> files = PosixFiles();
  const SignatureTables tables;
  Result<std::unique_ptr<Report>> report =
      OpenReport(*files, wanted.out, wanted.head);
  if (!report) return report.error();
  BatchHead head = wanted.head;
  const auto add = [&](const BatchItem& item) {
    Count(item, head.counts);
    head.exit_status = std::max(head.exit_status, ExitStatus(item));
    return (*report)->Add(item);
  };
  PatchOptions options;
  options.dry_run = true;
  options.tables = &tables;
  std::vector<BatchItem> items;
  for (const std::string& path : wanted.paths) {
    BatchItem item;
    item.outcome = PatchFile(*files, path, options);
    Result<void> added = add(item);
    if (!added) return added;
  }
  if (wanted.hostile) {
    items = SpecialItems();
    for (const std::string& name : HostileNames()) {
      items.push_back(MadeUp(name, items.size()));
    }
  }
  for (const BatchItem& item : items) {
    Result<void> added = add(item);
    if (!added) return added;
  }
  for (uint64_t i = 0; i < wanted.made_up; ++i) {
    Result<void> added = add(MadeUp(
        "/srv/images/made-up-" + std::to_string(i) + "/Security.dll", i));
    if (!added) return added;
  }
  head.finished = "2000-12-24T09:31:00Z";
  if (head.interrupted) head.exit_status = 130;
  return (*report)->Finish(head);
}

Result<void> Copy(const Wanted& wanted) {
  const std::unique_ptr<Files> files = PosixFiles();
  std::vector<BatchItem> items;
  const Result<BatchHead> head =
      ReadReport(*files, wanted.copy, [&](BatchItem item) -> Result<void> {
        items.push_back(std::move(item));
        return {};
      });
  if (!head) return head.error();
  const Result<std::unique_ptr<Report>> report =
      OpenReport(*files, wanted.out, *head);
  if (!report) return report.error();
  for (const BatchItem& item : items) {
    Result<void> added = (*report)->Add(item);
    if (!added) return added;
  }
  return (*report)->Finish(*head);
}

}  // namespace
}  // namespace detachfix

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const detachfix::Wanted wanted = detachfix::ReadWords(words);
  const detachfix::Result<void> made =
      wanted.copy.empty() ? detachfix::Make(wanted) : detachfix::Copy(wanted);
  if (made) return 0;
  std::cerr << "make_report: " << made.error().message << "\n";
  return 1;
}
