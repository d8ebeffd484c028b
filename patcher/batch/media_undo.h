// SPDX-License-Identifier: Apache-2.0
// The way back from CommitMedia. Plain data that the ledger keeps as bytes.
#ifndef DETACHFIX_PATCHER_BATCH_MEDIA_UNDO_H_
#define DETACHFIX_PATCHER_BATCH_MEDIA_UNDO_H_

#include <span>
#include <string>

#include "patcher/batch/batch_item.h"
#include "patcher/files.h"
#include "patcher/plan.h"
#include "patcher/result.h"
#include "patcher/revert_file.h"

namespace detachfix {

struct MediaUndo {
  std::string packed_path;  ///< "…/Security.dl_"
  Sha256 packed_sha256{};   ///< of its original bytes
  Sha256 image_sha256{};    ///< of what was packed in them

  // Placed and renamed; `placed` is empty when the packed file was replaced.
  std::string placed;          ///< "…/Security.dll"
  Sha256 placed_sha256{};      ///< of the patched image
  bool placed_stood = false;   ///< it was there before: not ours to remove
  std::string renamed_to;      ///< "…/Security.org"
  bool renamed_stood = false;  ///< the same content stood there before
  Bytes side_record;  ///< of `placed`.detachfix-undo; empty: there is none

  // Replaced.
  Bytes packed_original;     ///< all of it
  Sha256 repacked_sha256{};  ///< of what took its place

  friend bool operator==(const MediaUndo&, const MediaUndo&) = default;
};

Bytes Encode(const MediaUndo& undo);
/// Fails when `bytes` are not what Encode gave.
Result<MediaUndo> DecodeMediaUndo(std::span<const uint8_t> bytes);

/// `undo` with its paths in the folder of `packed_path`, where all of them are,
/// in whichever way that is named.
MediaUndo At(MediaUndo undo, const std::string& packed_path);

/// Takes back what CommitMedia did, all of it or what an interrupted one did.
/// Refuses when something that was changed since would be lost: a placed file
/// is removed only while it has the SHA-256 of what was placed (or of the image
/// in the packed file, which a revert of the placed file alone leaves), and the
/// packed file is proven by its own. Idempotent: what is already undone is
/// reported as Action::kNone.
BatchItem RevertMedia(Files& files, const MediaUndo& undo,
                      const RevertOptions& options);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_MEDIA_UNDO_H_
