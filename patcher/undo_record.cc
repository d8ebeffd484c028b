// SPDX-License-Identifier: Apache-2.0
// Making, finding and following undo records; undo_codec.cc has the encoding.
#include "patcher/undo_record.h"

#include <algorithm>
#include <cassert>

#include "patcher/hex_text.h"
#include "patcher/pe_image.h"
#include "patcher/sha256.h"
#include "patcher/undo_codec.h"

namespace detachfix {
namespace {

// A run of one byte value becomes a range of its own from this length on: one
// more range costs up to five bytes (gap, size and value of the run, gap and
// size of what follows).
constexpr size_t kRunWorthARange = 6;

// The bytes of the original that touching edits replace.
struct Stretch {
  FileOffset offset;
  Bytes original;
};

Result<void> CheckEdits(std::span<const uint8_t> original,
                        const std::vector<Edit>& edits) {
  uint64_t end = 0;
  for (const Edit& edit : edits) {
    const std::string name = "the edit at " + HexNumber(edit.offset.value);
    const uint64_t offset = edit.offset.value;
    if (offset < end || offset + edit.before.size() > original.size()) {
      return Error{name + " overlaps another or passes the file's end"};
    }
    const bool appends = edit.before.empty() && offset == original.size();
    if (edit.before.size() != edit.after.size() && !appends) {
      return Error{name + " has no inverse that an undo record can hold"};
    }
    if (!std::equal(edit.before.begin(), edit.before.end(),
                    original.begin() + static_cast<ptrdiff_t>(offset))) {
      return Error{name + " expects other bytes than the file has"};
    }
    end = offset + edit.before.size();
  }
  return {};
}

std::vector<Stretch> JoinTouching(const std::vector<Edit>& edits) {
  std::vector<Stretch> stretches;
  for (const Edit& edit : edits) {
    if (stretches.empty() ||
        stretches.back().offset.value + stretches.back().original.size() !=
            edit.offset.value) {
      stretches.push_back({edit.offset, {}});
    }
    Bytes& original = stretches.back().original;
    original.insert(original.end(), edit.before.begin(), edit.before.end());
  }
  return stretches;
}

// Cuts a stretch into runs of one value and the literal bytes between them.
void AddRanges(const Stretch& stretch, std::vector<UndoRange>& ranges) {
  const Bytes& all = stretch.original;
  size_t literal_begin = 0;
  const auto add = [&](size_t begin, size_t end) {
    if (begin == end) return;
    ranges.push_back({stretch.offset + static_cast<uint32_t>(begin),
                      static_cast<uint32_t>(end - begin),
                      Bytes(all.begin() + static_cast<ptrdiff_t>(begin),
                            all.begin() + static_cast<ptrdiff_t>(end))});
  };
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end] == all[begin]) ++end;
    if (end - begin >= kRunWorthARange) {
      add(literal_begin, begin);
      add(begin, end);
      literal_begin = end;
    }
    begin = end;
  }
  add(literal_begin, all.size());
}

std::vector<UndoRange> MakeRanges(const std::vector<Edit>& edits) {
  std::vector<UndoRange> ranges;
  for (const Stretch& stretch : JoinTouching(edits)) AddRanges(stretch, ranges);
  uint32_t appended = 0;
  for (const Edit& edit : edits) {
    if (edit.before.empty()) {
      appended += static_cast<uint32_t>(edit.after.size());
    }
  }
  if (appended > 0) ranges.push_back({edits.back().offset, appended, {}});
  return ranges;
}

}  // namespace

Result<UndoRecord> MakeUndoRecord(std::span<const uint8_t> original,
                                  const std::vector<Edit>& edits,
                                  const std::string& version) {
  if (!IsUndoVersion(version)) {
    return Error{"version '" + version +
                 "' is not 1 to 32 visible ASCII characters"};
  }
  if (original.size() > kMaxFileSize) {
    return Error{"an original of " + std::to_string(original.size()) +
                 " bytes is too large for an undo record"};
  }
  Result<void> sound = CheckEdits(original, edits);
  if (!sound) return sound.error();
  UndoRecord record;
  record.version = version;
  record.original_size = static_cast<uint32_t>(original.size());
  record.original_sha256 = HashSha256(original);
  record.ranges = MakeRanges(edits);
  if (record.ranges.empty()) return Error{"no edits to undo"};
  return record;
}

// The record has to name its own range, and so its own length, which depends
// on how that range is encoded. Taking what the last guess needed for the next
// one ends within a few rounds at a length that holds, or beyond `room`; or it
// goes back and forth, where one byte more has the shorter encoding.
Result<Edit> MakeUndoEdit(std::span<const uint8_t> original,
                          const std::vector<Edit>& edits,
                          const std::string& version, FileOffset offset,
                          uint32_t room) {
  const bool appends = offset.value == original.size();
  if (!appends && (offset.value > original.size() ||
                   room > original.size() - offset.value)) {
    return Error{"the room for the undo record at " + HexNumber(offset.value) +
                 " passes the file's end"};
  }
  const auto place = std::upper_bound(
      edits.begin(), edits.end(), offset,
      [](FileOffset at, const Edit& edit) { return at < edit.offset; });
  const ptrdiff_t index = place - edits.begin();
  constexpr int kMaxRounds = 16;
  size_t guess = 1;
  int rounds = 0;
  for (; guess <= room && rounds < kMaxRounds; ++rounds) {
    Edit own{
        offset, {}, Bytes(guess), "undo record: leads back to the original"};
    if (!appends) {
      const std::span<const uint8_t> old =
          original.subspan(offset.value, guess);
      own.before.assign(old.begin(), old.end());
    }
    std::vector<Edit> all = edits;
    all.insert(all.begin() + index, own);
    Result<UndoRecord> record = MakeUndoRecord(original, all, version);
    if (!record) return record.error();
    own.after = Encode(*record);
    if (own.after.size() == guess) return own;
    guess = own.after.size();
  }
  if (guess <= room) {
    return Error{"the undo record at " + HexNumber(offset.value) +
                 " comes to no size that is its own"};
  }
  return Error{"the undo record needs at least " + std::to_string(guess) +
               " bytes, " + std::to_string(room) + " are free at " +
               HexNumber(offset.value)};
}

Result<std::optional<FoundUndoRecord>> FindUndoRecord(
    std::span<const uint8_t> file) {
  std::optional<FoundUndoRecord> found;
  const std::string_view text(reinterpret_cast<const char*>(file.data()),
                              file.size());
  size_t from = 0;
  while (true) {
    const size_t at = text.find(kUndoMagic, from);
    if (at == text.npos) return found;
    // Nothing that we append to a file makes it smaller.
    Result<UndoRecord> record =
        DecodeUndoRecord(file.subspan(at), static_cast<uint32_t>(file.size()));
    if (!record) {
      return Error{"undo record at " + HexNumber(at) + ": " +
                   record.error().message};
    }
    if (found) {
      return Error{"two undo records, at " + HexNumber(found->offset.value) +
                   " and at " + HexNumber(at)};
    }
    const uint32_t size = static_cast<uint32_t>(Encode(*record).size());
    found = FoundUndoRecord{std::move(*record),
                            FileOffset{static_cast<uint32_t>(at)}, size};
    from = at + size;
  }
}

Result<Bytes> Revert(std::span<const uint8_t> patched,
                     const UndoRecord& record) {
  uint64_t expected = record.original_size;
  for (const UndoRange& range : record.ranges) {
    if (range.original.empty()) expected += range.patched_size;
  }
  if (patched.size() != expected) {
    return Error{"the patched file has " + std::to_string(patched.size()) +
                 " bytes, its undo record is for one of " +
                 std::to_string(expected)};
  }
  Bytes original(patched.begin(), patched.begin() + record.original_size);
  for (const UndoRange& range : record.ranges) {
    assert(range.offset.value + range.original.size() <= original.size());
    std::copy(range.original.begin(), range.original.end(),
              original.begin() + range.offset.value);
  }
  const Sha256 hash = HashSha256(original);
  if (hash != record.original_sha256) {
    return Error{"undone, its SHA-256 would be " + ToHex(hash) +
                 ", the original's was " + ToHex(record.original_sha256) +
                 ": the file was changed after it was patched"};
  }
  return original;
}

}  // namespace detachfix
