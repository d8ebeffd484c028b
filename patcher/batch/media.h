// SPDX-License-Identifier: Apache-2.0
// Repairing a packed file of install media. Microsoft's documented way for NT
// 4.0 (KB Q159203, Q246954, Q180604) is to put the new file, not packed, beside
// the packed one and to rename that: Security.dl_ to Security.org. Setup takes
// the file that is not packed. That is what is done by default; or the packed
// file is replaced by one of the same form.
//
// In two steps, so that the ledger can have the way back before anything is
// written: PrepareMedia reads, judges and plans; CommitMedia writes.
#ifndef DETACHFIX_PATCHER_BATCH_MEDIA_H_
#define DETACHFIX_PATCHER_BATCH_MEDIA_H_

#include <functional>
#include <optional>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/batch/media_undo.h"
#include "patcher/batch/packing.h"
#include "patcher/files.h"
#include "patcher/patch_file.h"

namespace detachfix {

struct MediaOptions {
  /// As for a file that is not packed; `output`, `backup_suffix` and `log` are
  /// not used: the original stays on the disk, or in the undo data.
  PatchOptions patch;
  bool recompress = false;  ///< write the packed file anew instead
  /// What an interrupted run noted of this file, if any: what that placed is
  /// then known to be ours.
  std::optional<MediaUndo> earlier;
  /// Called by PatchMedia before anything is written, to note the way back
  /// where it survives us. When it fails nothing is written.
  std::function<Result<void>(const MediaUndo&)> intend;
};

/// What CommitMedia writes.
struct MediaChange {
  ReadFile packed;  ///< as it was read
  PackedForm form;
  PatchedBytes patched;  ///< the image
  Bytes repacked;        ///< with `recompress`
  MediaUndo undo;        ///< store it before committing
};

struct PreparedMedia {
  BatchItem item;                     ///< as a dry run reports it
  std::optional<MediaChange> change;  ///< absent: there is nothing to write
};

/// Reads and judges the packed file at `path` and plans its repair. Writes
/// nothing. The second form is for bytes that were read already.
PreparedMedia PrepareMedia(Files& files, const std::string& path,
                           const MediaOptions& options);
PreparedMedia PrepareMedia(Files& files, const std::string& path, ReadFile file,
                           const MediaOptions& options);

/// Makes the change. At every moment Setup finds a usable file: the image is
/// placed and flushed before the packed file is renamed. What an interrupted
/// run left, the next PrepareMedia and CommitMedia complete. An item without a
/// change comes back as it is.
BatchItem CommitMedia(Files& files, const PreparedMedia& prepared,
                      const MediaOptions& options);

/// All of it: PrepareMedia and, unless `options.patch.dry_run`, the guard of
/// the packed file, a second look when another run had it, `intend` and
/// CommitMedia.
BatchItem PatchMedia(Files& files, const std::string& path,
                     const MediaOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_MEDIA_H_
