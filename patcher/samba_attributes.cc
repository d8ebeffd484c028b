// SPDX-License-Identifier: Apache-2.0
// The extended attribute user.DOSATTRIB, in which a Samba server with "store
// dos attributes" (smb.conf(5)) keeps what the mode of a file cannot say. Its
// form is xattr_DOSATTRIB of Samba's librpc/idl/xattr.idl, marshalled as NDR,
// little-endian, every number aligned to its size:
//
//   text    attrib_hex   ends with a zero byte; "" or "0x21"
//   u16     version      1, 2, 3, 4, 5 or 0xffff
//   u16     the same, as the discriminant of a union
//   u32     valid_flags  (version 2 and 0xffff: flags; version 1: absent)
//   u32     attrib       the DOS attributes
//   …                    sizes and times
//
// Servers before Samba 3.3 wrote the text alone.
#include "patcher/samba_attributes.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "patcher/bytes.h"

namespace detachfix {
namespace {

constexpr uint32_t kHasAttributes = 0x1;  // XATTR_DOSINFO_ATTRIB

std::optional<uint32_t> ParseText(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number, 16);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<uint32_t> SambaDosAttributes(std::span<const uint8_t> value) {
  const ByteReader reader(value);
  const auto zero = std::ranges::find(value, uint8_t{0});
  const std::string text(value.begin(), zero);
  const uint64_t version_at = RoundUp(text.size() + 1, 2);
  const std::optional<uint16_t> version = reader.U16(version_at);
  if (!version) return ParseText(text);
  const uint64_t at = RoundUp(version_at + 4, 4);
  switch (*version) {
    case 1:
      return reader.U32(at);
    case 2:
    case 0xffff:
      return reader.U32(at + 4);
    case 3:
    case 4:
    case 5: {
      const std::optional<uint32_t> valid = reader.U32(at);
      if (!valid || (*valid & kHasAttributes) == 0) return std::nullopt;
      return reader.U32(at + 4);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace detachfix
