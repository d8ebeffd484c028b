// SPDX-License-Identifier: Apache-2.0
// NT 4.0's media have `*.DL_` files, which its EXPAND unpacks (KB Q167376);
// which of Microsoft's three packed forms they have is nowhere published, so
// the first bytes decide:
//
//   SZDD   "SZDD" 88 F0 27 33, 'A', missing character, u32 expanded size; then
//          LZSS. The variant of QBasic 4.5's installation has "SZ " 88 F0 27 33
//          D1 and the u32.
//   KWAJ   "KWAJ" 88 F0 27 D1, u16 method, u16 offset of the packed data, u16
//          flags; by these flags, one after the other: u32 expanded size
//          (0x01), two bytes (0x02), a u16 and as many bytes (0x04), the name
//          (0x08, up to 9 bytes with its zero), the extension (0x10, up to 4
//          bytes with its zero), a u16 and as many bytes of text (0x20)
//   MSCF   a cabinet, see cabinet.cc
//
// After "Microsoft's SZDD, KWAJ file formats" in libmspack's documentation.
#include "patcher/batch/packing.h"

#include <optional>

#include "patcher/batch/cabinet.h"
#include "patcher/batch/mspack_expand.h"
#include "patcher/bytes.h"

namespace detachfix {

namespace {

constexpr uint16_t kKwajHasSize = 0x01;
constexpr uint16_t kKwajHasTwoBytes = 0x02;
constexpr uint16_t kKwajHasData = 0x04;
constexpr uint16_t kKwajHasName = 0x08;
constexpr uint16_t kKwajHasExtension = 0x10;

/// A form, and the size that it says its content has.
struct ReadForm {
  PackedForm form;
  std::optional<uint64_t> size;
};

Error HeaderCutOff(const char* format, std::span<const uint8_t> bytes) {
  return Error{"the header of the " + std::string(format) +
               " file is cut off: it has " + std::to_string(bytes.size()) +
               " bytes"};
}

Result<ReadForm> ReadSzdd(std::span<const uint8_t> bytes) {
  const ByteReader reader(bytes);
  SzddForm form;
  form.qbasic = bytes[2] == ' ';
  if (!form.qbasic) form.missing_char = reader.U8(9).value_or(0);
  const std::optional<uint32_t> size = reader.U32(form.qbasic ? 8 : 10);
  if (!size) return HeaderCutOff("SZDD", bytes);
  return ReadForm{form, *size};
}

/// The zero-terminated text of at most `max_size` bytes at `offset`, which is
/// moved behind it. A text that fills its room has no zero.
std::string TakeText(const ByteReader& reader, uint64_t& offset,
                     uint64_t max_size) {
  std::string text;
  for (uint64_t i = 0; i < max_size; ++i) {
    const uint8_t c = reader.U8(offset++).value_or(0);
    if (c == 0) break;
    text.push_back(static_cast<char>(c));
  }
  return text;
}

Result<ReadForm> ReadKwaj(std::span<const uint8_t> bytes) {
  const ByteReader reader(bytes);
  if (!reader.Holds(0, 14)) return HeaderCutOff("KWAJ", bytes);
  KwajForm form;
  form.method = *reader.U16(8);
  form.flags = *reader.U16(12);
  std::optional<uint64_t> size;
  uint64_t offset = 14;
  if (form.flags & kKwajHasSize) {
    size = reader.U32(offset);
    if (!size) return HeaderCutOff("KWAJ", bytes);
    offset += 4;
  }
  if (form.flags & kKwajHasTwoBytes) offset += 2;
  if (form.flags & kKwajHasData) offset += 2 + reader.U16(offset).value_or(0);
  if (form.flags & kKwajHasName) form.name = TakeText(reader, offset, 9);
  if (form.flags & kKwajHasExtension) {
    form.name += "." + TakeText(reader, offset, 4);
  }
  return ReadForm{form, size};
}

Result<ReadForm> ReadMscf(std::span<const uint8_t> bytes) {
  const Result<CabinetMember> member = ReadCabinet(bytes);
  if (!member) return member.error();
  return ReadForm{member->form, member->size};
}

Result<ReadForm> ReadAnyForm(Packing packing, std::span<const uint8_t> bytes) {
  switch (packing) {
    case Packing::kSzdd:
      return ReadSzdd(bytes);
    case Packing::kKwaj:
      return ReadKwaj(bytes);
    case Packing::kMscf:
      return ReadMscf(bytes);
    case Packing::kNone:
      break;
  }
  return Error{"is not packed as SZDD, KWAJ or MSCF"};
}

Result<Bytes> ExpandSized(Packing packing, std::span<const uint8_t> bytes,
                          uint64_t size) {
  const std::string says =
      "the header says that " + std::to_string(size) + " bytes are packed";
  // One byte more than it says is enough to know that it lies.
  Result<Bytes> image = ExpandWithMspack(packing, bytes, size);
  if (!image) return Error{says + ", but " + image.error().message};
  if (image->size() == size) return image;
  return Error{says + ", but it expands to " + std::to_string(image->size())};
}

}  // namespace

Result<Expanded> Expand(std::span<const uint8_t> bytes,
                        const ExpandLimits& limits) {
  const Packing packing = SniffPacking(bytes);
  const Result<ReadForm> read = ReadAnyForm(packing, bytes);
  if (!read) return read.error();
  if (read->size && *read->size > limits.max_size) {
    return Error{"the header says that " + std::to_string(*read->size) +
                 " bytes are packed, more than the " +
                 std::to_string(limits.max_size) + " that are expanded"};
  }
  Result<Bytes> image = read->size
                            ? ExpandSized(packing, bytes, *read->size)
                            : ExpandWithMspack(packing, bytes, limits.max_size);
  if (!image) return image.error();
  return Expanded{packing, std::move(*image), read->form};
}

}  // namespace detachfix
