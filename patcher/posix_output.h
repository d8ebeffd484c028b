// SPDX-License-Identifier: Apache-2.0
// Files that are being written, on a POSIX system: for posix_files.cc alone.
#ifndef DETACHFIX_PATCHER_POSIX_OUTPUT_H_
#define DETACHFIX_PATCHER_POSIX_OUTPUT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "patcher/descriptor.h"
#include "patcher/files.h"
#include "patcher/interrupt.h"
#include "patcher/result.h"

namespace detachfix {

inline constexpr int kMaxNames = 100;  ///< temporary names tried

/// Names for temporary files: what Files::CreateBeside says, numbered.
std::string TemporaryName(const std::string& path, int number);

/// What is removed when the process is interrupted, by its path.
using Guards = std::map<std::string, std::unique_ptr<RemoveOnInterrupt>>;

/// A file that is open for writing.
class PosixOutputFile : public OutputFile {
 public:
  /// Takes the descriptor, open for writing; it is closed with this.
  PosixOutputFile(std::string path, int descriptor);

  const std::string& path() const override { return path_; }
  Result<void> Write(std::span<const uint8_t> bytes) override;
  Result<void> SetState(const FileState& state) override;
  Result<void> Sync() override;
  Result<void> Close() override;

  /// Tells RemoveLeftovers that somebody lives who needs the file. False when
  /// it has been taken away meanwhile.
  bool Lock();

 protected:
  std::string path_;
  Descriptor descriptor_;

 private:
  bool locked_ = false;
  Descriptor lock_;
};

/// A file without a name (open(2), O_TMPFILE) until it appears. Its path is
/// that of proc(5) while it has none.
class UnseenFile : public PosixOutputFile {
 public:
  /// `beside` is the path that it is made for. The name that it gets is added
  /// to `guards`, which must outlive it.
  UnseenFile(std::string beside, int descriptor, Guards& guards);

  Result<void> Appear() override;

 private:
  const std::string beside_;
  Guards& guards_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_POSIX_OUTPUT_H_
