// SPDX-License-Identifier: Apache-2.0
#include "patcher/undo_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "patcher/sha256.h"
#include "tests/support/random_plan.h"

namespace detachfix {
namespace {

// A record of every form of range: literal, zeros, fill, appended.
UndoRecord Sample() {
  UndoRecord record;
  record.version = "1.2.3";
  record.original_size = 400;
  record.original_sha256 = HashSha256({});
  record.ranges = {{{5}, 3, {1, 2, 3}},
                   {{100}, 130, Bytes(130, 0)},
                   {{230}, 6, Bytes(6, 0xcc)},
                   {{400}, 512, {}}};
  return record;
}

std::string DecodeText(const Bytes& bytes) {
  const Result<UndoRecord> result = DecodeUndoRecord(bytes);
  return result ? "" : result.error().message;
}

// `fields` behind the right magic, format and length, before the right check.
Bytes Framed(const Bytes& fields) {
  Bytes bytes(kUndoMagic.begin(), kUndoMagic.end());
  bytes.push_back(1);
  bytes.push_back(static_cast<uint8_t>(fields.size()));
  bytes.insert(bytes.end(), fields.begin(), fields.end());
  const Sha256 hash = HashSha256(bytes);
  bytes.insert(bytes.end(), hash.begin(), hash.begin() + 4);
  return bytes;
}

// Fields with an all-zero hash, version "1" and a size of 100.
Bytes Fields(const Bytes& ranges) {
  Bytes fields = {1, '1', 100};
  fields.resize(fields.size() + 32);
  fields.insert(fields.end(), ranges.begin(), ranges.end());
  return fields;
}

TEST(UndoRecord, HasTheDocumentedBytes) {
  const Bytes bytes = Encode(Sample());
  Bytes fields = {5, '1', '.', '2', '.', '3', 0x90, 0x03};
  const Sha256 hash = HashSha256({});
  fields.insert(fields.end(), hash.begin(), hash.end());
  const Bytes ranges = {
      5,    3 << 2, 1,    2,    3,  // gap 5, 3 literal bytes
      92,   0x89,   0x04,           // gap 92, 130 * 4 + 1: zeros
      0,    26,     0xcc,           // gap 0, 6 * 4 + 2: fill
      0xa4, 0x01,   0x83, 0x10,     // gap 164, 512 * 4 + 3: appended
  };
  fields.insert(fields.end(), ranges.begin(), ranges.end());
  EXPECT_EQ(bytes, Framed(fields));
  const Result<UndoRecord> decoded = DecodeUndoRecord(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, Sample());
}

TEST(UndoRecord, SaysWhatIsWrongWithIt) {
  Bytes other_format = Encode(Sample());
  other_format[16] = 2;
  Bytes damaged = Encode(Sample());
  damaged.back() ^= 0xff;
  const Bytes whole = Encode(Sample());
  const Bytes cut(whole.begin(), whole.end() - 1);
  EXPECT_EQ(DecodeText({1, 2, 3}),
            "its first 16 bytes are not those of an undo record");
  EXPECT_EQ(DecodeText(other_format),
            "its format is 2, this version knows format 1");
  EXPECT_EQ(DecodeText(cut),
            "it is cut short: its length says 55 bytes and a check of 4, 58 "
            "follow");
  const Sha256 hash = HashSha256(std::span(whole).first(whole.size() - 4));
  const std::string good = ToHex(hash).substr(0, 8);
  Sha256 flipped = hash;
  flipped[3] ^= 0xff;
  EXPECT_EQ(DecodeText(damaged), "it is damaged: its check is " +
                                     ToHex(flipped).substr(0, 8) +
                                     ", its content gives " + good);
}

TEST(UndoRecord, RefusesWellFramedNonsense) {
  struct Case {
    Bytes fields;
    std::string message;
  };
  const std::string malformed = "its version, size or SHA-256 is malformed";
  const Case cases[] = {
      {{}, malformed},
      {{0}, malformed},
      {{1, ' ', 100}, malformed},
      {Fields({}), "it has no ranges"},
      {Fields({0}),
       "its range of 0 bytes at 0x0 does not fit an original of "
       "100 bytes"},
      {Fields({90, 11 << 2}),
       "its range of 11 bytes at 0x5a does not fit an original of 100 bytes"},
      {Fields({90, 4 << 2, 1, 2, 3}), "its list of ranges is malformed"},
      {Fields({90, (4 << 2) + 3}),
       "its range of 4 bytes at 0x5a does not fit an original of 100 bytes"},
      {Fields({100, 7, 0, 7}), "its list of ranges is malformed"},
      // A literal zero, a fill of zero, a varint with a needless byte.
      {Fields({0, 1 << 2, 0}), "it is not in the form that detachfix writes"},
      {Fields({0, (2 << 2) + 2, 0}),
       "it is not in the form that detachfix writes"},
      {Fields({0x80, 0, 1 << 2, 7}),
       "it is not in the form that detachfix writes"},
      {Fields({0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 4, 1}),
       "its range of 0 bytes at 0x0 does not fit an original of 100 bytes"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(DecodeText(Framed(c.fields)), c.message);
  }
}

TEST(UndoRecord, NeverAllocatesMoreThanItIsAllowed) {
  // 2^26 zeros in four bytes.
  Bytes fields = {1, '1', 0x80, 0x80, 0x80, 0x20};
  fields.resize(fields.size() + 32);
  const Bytes zeros = {0x00, 0x81, 0x80, 0x80, 0x80, 0x01};
  fields.insert(fields.end(), zeros.begin(), zeros.end());
  const Result<UndoRecord> result = DecodeUndoRecord(Framed(fields), 60000);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "its original had 67108864 bytes, more than 60000");
}

TEST(UndoRecord, DecodingIsTotalOverMutations) {
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Bytes bytes = Encode(Sample());
    for (uint32_t n = Pick(random, 1, 4); n > 0; --n) {
      const uint32_t at =
          Pick(random, 16, static_cast<uint32_t>(bytes.size() - 5));
      if (Pick(random, 0, 3) == 0) {
        bytes.resize(at + 5);
      } else {
        bytes[at] = static_cast<uint8_t>(random());
      }
    }
    // With the check made right again the fields themselves are tried.
    if (Pick(random, 0, 3) > 0) {
      const size_t end = bytes.size() - 4;
      bytes[17] = static_cast<uint8_t>(end - 18);
      const Sha256 hash = HashSha256(std::span(bytes).first(end));
      std::copy(hash.begin(), hash.begin() + 4,
                bytes.begin() + static_cast<ptrdiff_t>(end));
    }
    const Result<UndoRecord> result = DecodeUndoRecord(bytes);
    if (result) {
      const Bytes again = Encode(*result);
      ASSERT_LE(again.size(), bytes.size());
      EXPECT_TRUE(std::equal(again.begin(), again.end(), bytes.begin()));
    } else {
      EXPECT_FALSE(result.error().message.empty());
    }
  }
}

TEST(UndoRecord, LeadsBackFromRandomPlans) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Bytes file = RandomFile(random);
    const std::vector<Edit> edits = RandomEdits(random, file);
    const Result<UndoRecord> record = MakeUndoRecord(file, edits, "0.1.0");
    ASSERT_TRUE(record) << record.error().message;
    const Result<UndoRecord> decoded = DecodeUndoRecord(Encode(*record));
    ASSERT_TRUE(decoded) << decoded.error().message;
    ASSERT_EQ(*decoded, *record);
    Bytes patched = *Apply(edits, file);
    const Result<Bytes> back = Revert(patched, *decoded);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, file);

    // Any other byte outside the edits is noticed.
    patched.push_back(0);
    EXPECT_FALSE(Revert(patched, *decoded));
  }
}

TEST(UndoRecord, FitsIntoTheFileItUndoes) {
  uint32_t placed = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Bytes file = RandomFile(random);
    const std::vector<Edit> edits = RandomEdits(random, file);
    if (edits.back().before.empty()) continue;
    // A cave after the last edit, of zeros or of other padding.
    const uint32_t offset = static_cast<uint32_t>(file.size());
    file.resize(file.size() + 1500, Pick(random, 0, 1) == 0 ? 0 : 0xcc);
    const Result<Edit> own = MakeUndoEdit(file, edits, "0.1.0", {offset}, 1500);
    ASSERT_TRUE(own) << own.error().message;
    std::vector<Edit> all = edits;
    all.push_back(*own);
    const Bytes patched = *Apply(all, file);
    const Result<std::optional<FoundUndoRecord>> found =
        FindUndoRecord(patched);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->offset, FileOffset{offset});
    EXPECT_EQ((*found)->size, own->after.size());
    const Result<Bytes> back = Revert(patched, (*found)->record);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, file);
    ++placed;
  }
  EXPECT_GT(placed, 1000u);
}

TEST(UndoRecord, CanBeAppended) {
  const Bytes file(1000, 7);
  const std::vector<Edit> edits = {{{9}, {7}, {8}, "a"}};
  const Result<Edit> own = MakeUndoEdit(file, edits, "0.1.0", {1000}, 500);
  ASSERT_TRUE(own) << own.error().message;
  const Bytes patched = *Apply({edits[0], *own}, file);
  const Result<std::optional<FoundUndoRecord>> found = FindUndoRecord(patched);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*Revert(patched, (*found)->record), file);
}

// The edits of a patch that adds an import: entry point, section size, two
// directories, two bound stamps, hook, code with tables, CheckSum.
TEST(UndoRecord, IsSmallForATypicalPatch) {
  Bytes file(50000);
  std::mt19937 random(1);
  for (size_t i = 0; i < 40000; ++i) file[i] = static_cast<uint8_t>(random());
  const auto edit = [&](uint32_t offset, uint32_t size) {
    const auto begin = file.begin() + offset;
    return Edit{{offset}, Bytes(begin, begin + size), Bytes(size), ""};
  };
  const std::vector<Edit> simple = {edit(0xd8, 4), edit(0x180, 4),
                                    edit(0x1234, 5), edit(40000, 60)};
  const Result<Edit> small = MakeUndoEdit(file, simple, "0.1.0", {40060}, 400);
  ASSERT_TRUE(small) << small.error().message;
  EXPECT_LT(small->after.size(), 100u);
  const std::vector<Edit> import = {
      edit(0xd8, 4),   edit(0x100, 8),  edit(0x150, 8),  edit(0x180, 4),
      edit(0x1234, 5), edit(0x7004, 8), edit(0x7018, 8), edit(40000, 200)};
  const Result<Edit> large = MakeUndoEdit(file, import, "0.1.0", {40200}, 400);
  ASSERT_TRUE(large) << large.error().message;
  EXPECT_LT(large->after.size(), 150u);
}

TEST(UndoRecord, SaysWhyItCannotBeMade) {
  const Bytes file(300, 7);
  const auto message = [&](const std::vector<Edit>& edits,
                           const std::string& version) {
    const Result<UndoRecord> result = MakeUndoRecord(file, edits, version);
    return result ? "" : result.error().message;
  };
  const std::vector<Edit> good = {{{9}, {7}, {8}, "a"}};
  EXPECT_EQ(message(good, "1.0.0"), "");
  EXPECT_EQ(message(good, ""),
            "version '' is not 1 to 32 visible ASCII characters");
  EXPECT_EQ(message({}, "1.0.0"), "no edits to undo");
  EXPECT_EQ(message({{{9}, {7, 7}, {8}, "a"}}, "1.0.0"),
            "the edit at 0x9 has no inverse that an undo record can hold");
  EXPECT_EQ(message({{{9}, {6}, {8}, "a"}}, "1.0.0"),
            "the edit at 0x9 expects other bytes than the file has");
  EXPECT_EQ(message({{{299}, {7, 7}, {8, 8}, "a"}}, "1.0.0"),
            "the edit at 0x12b overlaps another or passes the file's end");
  const Result<Edit> no_room = MakeUndoEdit(file, good, "1.0.0", {100}, 60);
  ASSERT_FALSE(no_room);
  EXPECT_EQ(no_room.error().message,
            "the undo record needs at least 68 bytes, 60 are free at 0x64");
  const Result<Edit> outside = MakeUndoEdit(file, good, "1.0.0", {250}, 60);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().message,
            "the room for the undo record at 0xfa passes the file's end");
}

TEST(UndoRecord, IsFoundOnlyWhenThereIsOneWholeOne) {
  const auto message = [](const Bytes& file) {
    const Result<std::optional<FoundUndoRecord>> found = FindUndoRecord(file);
    if (!found) return found.error().message;
    return std::string(found->has_value() ? "found" : "none");
  };
  const Bytes record = Encode(Sample());
  Bytes file(500, 'd');
  EXPECT_EQ(message(file), "none");
  file.insert(file.end(), record.begin(), record.end());
  EXPECT_EQ(message(file), "found");
  file.insert(file.end(), record.begin(), record.end());
  EXPECT_EQ(message(file), "two undo records, at 0x1f4 and at 0x241");
  file[0x241 + 16] = 9;
  EXPECT_EQ(message(file),
            "undo record at 0x241: its format is 9, this version knows format "
            "1");
  Bytes small(10, 'd');
  small.insert(small.end(), record.begin(), record.end());
  EXPECT_EQ(message(small),
            "undo record at 0xa: its original had 400 bytes, more than 87");
}

TEST(UndoRecord, RevertRefusesWhatWasChangedSince) {
  const Bytes file(300, 7);
  const std::vector<Edit> edits = {{{9}, {7}, {8}, "a"}};
  const UndoRecord record = *MakeUndoRecord(file, edits, "1.0.0");
  Bytes patched = *Apply(edits, file);
  patched[200] = 1;
  Bytes undone = file;
  undone[200] = 1;
  const Result<Bytes> changed = Revert(patched, record);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().message,
            "undone, its SHA-256 would be " + ToHex(HashSha256(undone)) +
                ", the original's was " + ToHex(HashSha256(file)) +
                ": the file was changed after it was patched");
  patched.push_back(0);
  const Result<Bytes> longer = Revert(patched, record);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().message,
            "the patched file has 301 bytes, its undo record is for one of "
            "300");
}

}  // namespace
}  // namespace detachfix
