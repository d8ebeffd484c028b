// SPDX-License-Identifier: Apache-2.0
#include "patcher/plan.h"

#include <algorithm>

#include "patcher/hex_text.h"

namespace detachfix {
namespace {

std::string Name(size_t index, const Edit& edit) {
  return "edit " + std::to_string(index) + " at " +
         HexNumber(edit.offset.value);
}

uint64_t End(const Edit& edit) {
  return uint64_t{edit.offset.value} + edit.before.size();
}

// An edit that moves the end of the file has one empty side.
bool Resizes(const Edit& edit) {
  return edit.before.empty() || edit.after.empty();
}

Result<void> CheckEdit(const std::string& name, const Edit& edit,
                       uint64_t file_size) {
  if (edit.before == edit.after) return Error{name + " changes nothing"};
  if (End(edit) > file_size) {
    return Error{name + " ends at " + HexNumber(End(edit)) + ", the file has " +
                 HexNumber(file_size) + " bytes"};
  }
  if (Resizes(edit)) {
    if (End(edit) == file_size) return {};
    return Error{name + " would resize the file elsewhere than at its end " +
                 HexNumber(file_size)};
  }
  if (edit.before.size() != edit.after.size()) {
    return Error{name + " replaces " + std::to_string(edit.before.size()) +
                 " bytes by " + std::to_string(edit.after.size())};
  }
  return {};
}

std::string FirstDifference(const Edit& edit, std::span<const uint8_t> found) {
  size_t at = 0;
  while (edit.before[at] == found[at]) ++at;
  return "expects byte " + HexNumber(edit.before[at]) + " at " +
         HexNumber(edit.offset.value + at) + ", the file has " +
         HexNumber(found[at]);
}

}  // namespace

Result<void> CheckPlan(const std::vector<Edit>& edits, uint64_t file_size) {
  if (edits.empty()) return Error{"the plan has no edits"};
  uint64_t end = 0;
  for (size_t i = 0; i < edits.size(); ++i) {
    const Edit& edit = edits[i];
    const std::string name = Name(i, edit);
    if (edit.offset.value < end) {
      return Error{name + " begins before " + HexNumber(end) +
                   ", where the edit before it ends"};
    }
    Result<void> sound = CheckEdit(name, edit, file_size);
    if (!sound) return sound.error();
    if (i > 0 && Resizes(edits[i - 1])) {
      return Error{name + " stands after one that resizes the file"};
    }
    end = End(edit);
  }
  return {};
}

Result<Bytes> Apply(const std::vector<Edit>& edits,
                    std::span<const uint8_t> bytes) {
  Result<void> sound = CheckPlan(edits, bytes.size());
  if (!sound) return sound.error();
  Bytes result(bytes.begin(), bytes.end());
  for (size_t i = 0; i < edits.size(); ++i) {
    const Edit& edit = edits[i];
    const std::span<const uint8_t> found =
        bytes.subspan(edit.offset.value, edit.before.size());
    if (!std::equal(found.begin(), found.end(), edit.before.begin())) {
      return Error{Name(i, edit) + " " + FirstDifference(edit, found)};
    }
    if (Resizes(edit)) {  // the last one: CheckPlan saw to it
      result.resize(edit.offset.value);
      result.insert(result.end(), edit.after.begin(), edit.after.end());
    } else {
      std::copy(edit.after.begin(), edit.after.end(),
                result.begin() + edit.offset.value);
    }
  }
  return result;
}

}  // namespace detachfix
