// SPDX-License-Identifier: Apache-2.0
// A complete file under a name that is not yet the final one: what ReplaceFile
// renames.
#ifndef DETACHFIX_PATCHER_TEMPORARY_FILE_H_
#define DETACHFIX_PATCHER_TEMPORARY_FILE_H_

#include <functional>
#include <optional>
#include <string>

#include "patcher/files.h"

namespace detachfix {

/// Why a step of writing was not made.
struct Stop {
  Error error;
  bool refused = false;  ///< by our own rules; else the disk failed
};
using Step = std::optional<Stop>;

/// "`what`: `cause`".
Stop Failed(const std::string& what, const Error& cause);

/// What a new file shall be like, given how it came into being.
using StateOf = std::function<FileState(const FileState& own)>;

/// A temporary file that was made.
struct Temporary {
  std::string path;
  FileState state;  ///< of the file when it was made: its device and inode
};

/// Makes a temporary file beside `guarded` with the content `bytes` and the
/// state that `state_of` gives; flushes it, reads it back and compares both.
/// Makes none when it fails. It is named after `guarded`, a path of which the
/// caller has the guard if there is one: whoever has that next removes it.
Step MakeTemporary(Files& files, const std::string& guarded, const Bytes& bytes,
                   const StateOf& state_of, Temporary& temporary);

/// Removes it; says so in `error` when that fails too.
void RemoveTemporary(Files& files, const std::string& path, Error& error);

/// How `read` differs from what was `written`, or nothing.
std::optional<std::string> Misread(const Bytes& written, const Bytes& read);

/// The permission bits of st_mode as chmod takes them: "0644".
std::string OctalMode(uint32_t mode);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_TEMPORARY_FILE_H_
