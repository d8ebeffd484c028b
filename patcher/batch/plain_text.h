// SPDX-License-Identifier: Apache-2.0
// Names from disks and from files, for reports that are text. A name on a disk
// is bytes; a report is UTF-8 and must show what a name is.
#ifndef DETACHFIX_PATCHER_BATCH_PLAIN_TEXT_H_
#define DETACHFIX_PATCHER_BATCH_PLAIN_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace detachfix {

/// `text` as UTF-8 (RFC 3629): each byte that belongs to no character becomes
/// U+FFFD, and every character that is not seen or moves others its number,
/// "\u{202e}": controls, direction marks, what has no width.
std::string Visible(std::string_view text);

/// RFC 3986: a path as the path of a URI, every byte but unreserved ones and
/// '/' as "%41".
std::string PercentEncoded(std::string_view path);

/// RFC 4648, section 4.
std::string Base64(std::span<const uint8_t> bytes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_PLAIN_TEXT_H_
