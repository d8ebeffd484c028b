// SPDX-License-Identifier: Apache-2.0
// The first half of every command: read a file, parse it, judge it.
#ifndef DETACHFIX_PATCHER_VERIFY_FILE_H_
#define DETACHFIX_PATCHER_VERIFY_FILE_H_

#include <memory>
#include <optional>
#include <string>

#include "patcher/file_parts.h"
#include "patcher/files.h"
#include "patcher/outcome.h"
#include "patcher/pe_image.h"
#include "patcher/shared_bytes.h"
#include "patcher/symbol_names.h"
#include "patcher/undo_record.h"

namespace detachfix {

/// A file as the commands see it after reading.
struct VerifiedFile {
  FileOutcome outcome;  ///< kFailed when it could not be read or parsed
  ReadFile file;
  std::optional<PeImage> image;  ///< absent for a machine not looked into
  /// The record in the file or in its side file. Leads back to the original
  /// that it names: that has been tried.
  std::optional<UndoRecord> undo;
  bool undo_in_side_file = false;
  /// Why there is no `undo` although something looks like one.
  std::optional<Error> undo_error;
  /// From the .dbg file beside it; empty where there is none of this image.
  SymbolNames symbols;
};

/// The outcome of `file` when a command stops at `error`.
FileOutcome WithError(const VerifiedFile& file, Action action,
                      const Error& error);

/// Where the undo record goes that does not fit into the file at `path`.
std::string SideFilePath(const std::string& path);

/// What was run of a file when only some of it was read.
struct SeenRuns {
  std::unique_ptr<const FileParts> parts;  ///< all that the runs rest on
  KnownRuns runs;
};

/// Reads and judges the file at `path`. Writes nothing. What `seen` holds is
/// not run again if the file still is the one that it was seen in.
VerifiedFile VerifyFile(Files& files, const std::string& path,
                        Scope scope = Scope::kAnyDll, SeenRuns seen = {});

/// The same for bytes at hand, as if they were the file at `path`; `side` is
/// the undo record of its side file, if any; `known` as in Diagnose.
VerifiedFile VerifyBytes(const std::string& path, SharedBytes bytes,
                         const std::optional<UndoRecord>& side,
                         Scope scope = Scope::kAnyDll,
                         KnownRuns* known = nullptr);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_VERIFY_FILE_H_
