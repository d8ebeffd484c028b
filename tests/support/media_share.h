// SPDX-License-Identifier: Apache-2.0
// One packed Security.dll on a disk in memory.
#ifndef DETACHFIX_TESTS_SUPPORT_MEDIA_SHARE_H_
#define DETACHFIX_TESTS_SUPPORT_MEDIA_SHARE_H_

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "patcher/batch/media.h"
#include "tests/support/fake_files.h"
#include "tests/support/packed.h"
#include "tests/support/security_dll.h"

namespace detachfix::test {

using Names = std::set<std::string>;

inline constexpr char kPacked[] = "/m/Security.dl_";
inline constexpr char kPlaced[] = "/m/Security.dll";
inline constexpr char kAside[] = "/m/Security.org";

inline const Bytes& Szdd() {
  static const Bytes packed =
      WithNumber(PackSzdd(LeakingSecurityDll()), 9, 1, 'l');
  return packed;
}

/// The image that patching the file by itself gives: the expected value.
inline Bytes Patched(const Bytes& image) {
  FakeFiles files;
  files.Add("/d/Security.dll", image);
  EXPECT_EQ(PatchFile(files, "/d/Security.dll", {}).action, Action::kPatched);
  return files.Content("/d/Security.dll");
}

/// A disk with `packed` at kPacked.
class Share {
 public:
  explicit Share(const Bytes& bytes = Szdd()) : packed(bytes) {
    files.Add(kPacked, bytes);
    options.intend = [this](const MediaUndo& noted) -> Result<void> {
      undo = noted;
      log_size = files.log.size();
      return {};
    };
  }
  BatchItem Patch() { return PatchMedia(files, kPacked, options); }
  BatchItem Revert() {
    // As the ledger keeps it.
    const Result<MediaUndo> kept = DecodeMediaUndo(Encode(undo));
    EXPECT_TRUE(kept && *kept == undo);
    return RevertMedia(files, undo, {});
  }
  std::string Message(const BatchItem& item) const {
    return item.outcome.error.value_or(Error{"no error"}).message;
  }

  Bytes packed;
  FakeFiles files;
  MediaOptions options;
  MediaUndo undo;
  size_t log_size = 0;  ///< of the disk's log when the change was noted
};

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_MEDIA_SHARE_H_
