// SPDX-License-Identifier: Apache-2.0
// The bytes of an undo record. A section of an NT DLL ends in less than 512
// spare bytes, which the injected code needs too, so the form is compact:
//
//   magic        16 bytes, kUndoMagic
//   format        1 byte, 1
//   length        varint: bytes from here to the check
//   version       varint length, then that many characters
//   size          varint: the original's size
//   sha256       32 bytes: of the original
//   ranges        until `length` is used up, each:
//     gap         varint: bytes between the last range's end and this one
//     size, form  varint: size * 4 + form
//     bytes       literal: `size` bytes; fill: the one byte; else nothing
//   check         4 bytes: the first of the SHA-256 of all the above
//
// A varint is little-endian base 128, the top bit set in all bytes but the
// last (LEB128). The form is that which takes the fewest bytes, and a varint
// has no needless bytes, so a record has exactly one encoding: the decoder
// holds its input against Encode of what it read.
#include "patcher/undo_codec.h"

#include <algorithm>
#include <cassert>

#include "patcher/hex_text.h"
#include "patcher/pe_image.h"
#include "patcher/sha256.h"
#include "patcher/undo_record.h"

namespace detachfix {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kCheckSize = 4;
constexpr size_t kMaxVersionSize = 32;

enum class Form : uint8_t {
  kLiteral = 0,
  kZeros = 1,
  kFill = 2,      // a run of another byte: 0xCC or 0x90 padding, -1 stamps
  kAppended = 3,  // the original ended here
};

Form FormOf(const Bytes& original) {
  if (original.empty()) return Form::kAppended;
  const uint8_t first = original[0];
  const bool run = std::all_of(original.begin(), original.end(),
                               [&](uint8_t byte) { return byte == first; });
  if (!run) return Form::kLiteral;
  if (first == 0) return Form::kZeros;
  return original.size() == 1 ? Form::kLiteral : Form::kFill;
}

void PutVarint(Bytes& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<uint8_t>(value | 0x80));
  }
  out.push_back(static_cast<uint8_t>(value));
}

void Put(Bytes& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void PutText(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

void PutRange(Bytes& out, const UndoRange& range, uint32_t last_end) {
  const Form form = FormOf(range.original);
  PutVarint(out, range.offset.value - last_end);
  PutVarint(out,
            uint64_t{range.patched_size} * 4 + static_cast<uint64_t>(form));
  if (form == Form::kFill) out.push_back(range.original[0]);
  if (form == Form::kLiteral) Put(out, range.original);
}

Bytes Check(std::span<const uint8_t> bytes) {
  const Sha256 hash = HashSha256(bytes);
  return Bytes(hash.begin(), hash.begin() + kCheckSize);
}

// Reads forward and never past the end: a read that would is not made, gives
// zeros, and is remembered.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  bool failed() const { return failed_; }
  std::span<const uint8_t> rest() const { return rest_; }

  std::span<const uint8_t> Take(uint64_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const std::span<const uint8_t> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  uint8_t Byte() {
    const std::span<const uint8_t> taken = Take(1);
    return taken.empty() ? uint8_t{0} : taken[0];
  }

  // At most five bytes: nothing in a record is larger than 2^34.
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const uint8_t byte = Byte();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }

 private:
  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

// What stood at a range that begins at `offset`. The sizes are held against
// the original's before anything is allocated.
Result<UndoRange> ReadRange(Reader& reader, uint64_t last_end,
                            uint32_t original_size) {
  const uint64_t offset = last_end + reader.Varint();
  const uint64_t size_and_form = reader.Varint();
  const uint64_t size = size_and_form / 4;
  const Form form = static_cast<Form>(size_and_form % 4);
  const uint64_t end = form == Form::kAppended ? offset : offset + size;
  if (size == 0 || size > kMaxFileSize || end > original_size ||
      (form == Form::kAppended && offset != original_size)) {
    return Error{"its range of " + std::to_string(size) + " bytes at " +
                 HexNumber(offset) + " does not fit an original of " +
                 std::to_string(original_size) + " bytes"};
  }
  UndoRange range;
  range.offset.value = static_cast<uint32_t>(offset);
  range.patched_size = static_cast<uint32_t>(size);
  if (form == Form::kZeros) range.original.assign(size, 0);
  if (form == Form::kFill) range.original.assign(size, reader.Byte());
  if (form == Form::kLiteral) {
    const std::span<const uint8_t> bytes = reader.Take(size);
    range.original.assign(bytes.begin(), bytes.end());
  }
  return range;
}

Result<UndoRecord> ReadFields(std::span<const uint8_t> fields,
                              uint32_t max_original_size) {
  Reader reader(fields);
  UndoRecord record;
  const std::span<const uint8_t> version = reader.Take(reader.Varint());
  record.version.assign(version.begin(), version.end());
  const uint64_t size = reader.Varint();
  const std::span<const uint8_t> hash =
      reader.Take(record.original_sha256.size());
  if (reader.failed() || !IsUndoVersion(record.version)) {
    return Error{"its version, size or SHA-256 is malformed"};
  }
  if (size > max_original_size) {
    return Error{"its original had " + std::to_string(size) +
                 " bytes, more than " + std::to_string(max_original_size)};
  }
  record.original_size = static_cast<uint32_t>(size);
  std::copy(hash.begin(), hash.end(), record.original_sha256.begin());
  uint64_t end = 0;
  bool appended = false;
  while (!reader.rest().empty()) {
    Result<UndoRange> range = ReadRange(reader, end, record.original_size);
    if (!range) return range.error();
    if (appended || reader.failed()) {
      return Error{"its list of ranges is malformed"};
    }
    end = uint64_t{range->offset.value} + range->original.size();
    appended = range->original.empty();
    record.ranges.push_back(std::move(*range));
  }
  if (record.ranges.empty()) return Error{"it has no ranges"};
  return record;
}

}  // namespace

bool IsUndoVersion(std::string_view version) {
  return !version.empty() && version.size() <= kMaxVersionSize &&
         std::all_of(version.begin(), version.end(),
                     [](char c) { return c > ' ' && c <= '~'; });
}

Bytes Encode(const UndoRecord& record) {
  assert(IsUndoVersion(record.version) && !record.ranges.empty());
  Bytes fields;
  PutVarint(fields, record.version.size());
  PutText(fields, record.version);
  PutVarint(fields, record.original_size);
  Put(fields, record.original_sha256);
  uint32_t end = 0;
  for (const UndoRange& range : record.ranges) {
    assert(range.offset.value >= end);
    PutRange(fields, range, end);
    end = range.offset.value + static_cast<uint32_t>(range.original.size());
  }
  Bytes out;
  PutText(out, kUndoMagic);
  out.push_back(kFormat);
  PutVarint(out, fields.size());
  Put(out, fields);
  Put(out, Check(out));
  return out;
}

Result<UndoRecord> DecodeUndoRecord(std::span<const uint8_t> bytes,
                                    uint32_t max_original_size) {
  Reader reader(bytes);
  const std::span<const uint8_t> magic = reader.Take(kUndoMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kUndoMagic.begin(),
                  kUndoMagic.end(), [](uint8_t byte, char c) {
                    return byte == static_cast<uint8_t>(c);
                  })) {
    return Error{"its first 16 bytes are not those of an undo record"};
  }
  const uint8_t format = reader.Byte();
  if (!reader.failed() && format != kFormat) {
    return Error{"its format is " + std::to_string(format) +
                 ", this version knows format " + std::to_string(kFormat)};
  }
  const uint64_t size = reader.Varint();
  const size_t rest = reader.rest().size();
  const std::span<const uint8_t> fields = reader.Take(size);
  const size_t end = bytes.size() - reader.rest().size();
  const std::span<const uint8_t> check = reader.Take(kCheckSize);
  if (reader.failed()) {
    return Error{"it is cut short: its length says " + std::to_string(size) +
                 " bytes and a check of 4, " + std::to_string(rest) +
                 " follow"};
  }
  const Bytes computed = Check(bytes.first(end));
  if (!std::equal(check.begin(), check.end(), computed.begin())) {
    return Error{"it is damaged: its check is " + HexBytes(check, "") +
                 ", its content gives " + HexBytes(computed, "")};
  }
  Result<UndoRecord> record = ReadFields(fields, max_original_size);
  if (!record) return record.error();
  const Bytes encoded = Encode(*record);
  if (!std::equal(encoded.begin(), encoded.end(), bytes.begin(),
                  bytes.begin() + static_cast<ptrdiff_t>(end + kCheckSize))) {
    return Error{"it is not in the form that detachfix writes"};
  }
  return record;
}

}  // namespace detachfix
