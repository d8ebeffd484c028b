// SPDX-License-Identifier: Apache-2.0
// What the maker and the decoder of undo records agree on.
#ifndef DETACHFIX_PATCHER_UNDO_CODEC_H_
#define DETACHFIX_PATCHER_UNDO_CODEC_H_

#include <string_view>

namespace detachfix {

/// Whether `version` can stand in an undo record: 1 to 32 visible ASCII
/// characters.
bool IsUndoVersion(std::string_view version);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_UNDO_CODEC_H_
