// SPDX-License-Identifier: Apache-2.0
// One file replaced on a disk in memory.
#ifndef DETACHFIX_TESTS_SUPPORT_REPLACE_TRIAL_H_
#define DETACHFIX_TESTS_SUPPORT_REPLACE_TRIAL_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "patcher/replace_file.h"
#include "tests/support/fake_files.h"

namespace detachfix::test {

inline constexpr char kPath[] = "/d/Security.dll";
inline constexpr char kUndo[] = "/d/Security.dll.detachfix-undo";
inline constexpr char kBackup[] = "/d/Security.dll.orig";
inline const Bytes kOld = {1, 2, 3, 4};
inline const Bytes kNew = {1, 9, 9, 4};
inline const Bytes kRecord = {7, 7};

// One run over a fresh disk; what it did is looked at afterwards.
struct Trial {
  Trial() { files.Add(kPath, kOld); }

  const WriteOutcome& Replace() {
    original = {kOld, files.names.at(kPath)->state};
    outcome = ReplaceFile(files, kPath, original, kNew, options);
    return outcome;
  }

  std::string Message() const {
    return outcome.error ? outcome.error->message : "";
  }

  FakeFiles files;
  ReadFile original;
  ReplaceOptions options;
  WriteOutcome outcome;
};

inline ReplaceOptions WithSideFiles() {
  ReplaceOptions options;
  options.side_file = SideFile{kUndo, kRecord};
  options.backup = kBackup;
  return options;
}

inline size_t IndexOf(const std::vector<std::string>& log,
                      const std::string& begin) {
  size_t index = 0;
  while (index < log.size() && !log[index].starts_with(begin)) ++index;
  EXPECT_LT(index, log.size()) << begin;
  return index;
}

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_REPLACE_TRIAL_H_
