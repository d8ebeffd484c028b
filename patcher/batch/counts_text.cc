// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/counts_text.h"

namespace detachfix {
namespace {

struct End {
  uint64_t BatchCounts::*count;
  const char* words;
  Ends shown;
};

constexpr End kEnds[] = {
    {&BatchCounts::leaks, "leak", Ends::kToWatch},
    {&BatchCounts::would_patch, "would be patched", Ends::kToWatch},
    {&BatchCounts::patched, "patched", Ends::kToWatch},
    {&BatchCounts::reverted, "reverted", Ends::kAll},
    {&BatchCounts::fixed, "fixed before", Ends::kAll},
    {&BatchCounts::not_applicable, "not applicable", Ends::kAll},
    {&BatchCounts::unknown, "unknown", Ends::kToWatch},
    {&BatchCounts::refused, "refused", Ends::kToWatch},
    {&BatchCounts::failed, "failed", Ends::kToWatch},
};

}  // namespace

std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string FilesText(uint64_t files) {
  return Grouped(files) + (files == 1 ? " file" : " files");
}

std::string EndsText(const BatchCounts& counts, Ends which) {
  std::string text;
  for (const End& end : kEnds) {
    const uint64_t count = counts.*end.count;
    if (count == 0 || (which != Ends::kAll && end.shown != which)) continue;
    text += (text.empty() ? "" : ", ") + Grouped(count) + " " + end.words;
  }
  return text;
}

std::string CountsText(const BatchCounts& counts) {
  const std::string ends = EndsText(counts, Ends::kAll);
  return FilesText(counts.files) + (ends.empty() ? "" : ": " + ends);
}

}  // namespace detachfix
