// SPDX-License-Identifier: Apache-2.0
#include "signatures/match.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::year;
using Names = std::vector<std::string>;

constexpr Date kApril29{year(1999), month(4), day(29)};
constexpr uint32_t kDay = 86400;
constexpr uint32_t kStamp = 0x3727a100;  // 1999-04-29 00:00:00 UTC

// push ebp; mov ebp, esp; push ebx, esi, edi; cmp dword ptr [ebp+12], 1; …
const std::vector<uint8_t> kCode = {0x55, 0x8b, 0xec, 0x53, 0x56, 0x57, 0x83,
                                    0x7d, 0x0c, 0x01, 0x75, 0x15, 0x8b, 0x45,
                                    0x08, 0xa3, 0x00, 0xf1, 0xa8, 0x77};

Digest DigestOf(uint8_t byte) {
  Digest digest{};
  digest.fill(byte);
  return digest;
}

BuildFacts File() {
  BuildFacts facts;
  facts.dll = "security.dll";
  facts.machine = 0x14c;
  facts.size = 58640;
  facts.stamp = kStamp;
  facts.linker = {3, 10};
  facts.entry = 0x1000;
  facts.image_base = 0x77a80000;
  facts.checksum = 0x12345;
  facts.sha256 = DigestOf(1);
  facts.invariant_sha256 = DigestOf(2);
  facts.code = {{0x1000, kCode}};
  return facts;
}

Signature Row(const std::string& id) {
  Signature row;
  row.id = id;
  row.target = "security.dll";
  row.product = "nt4";
  row.levels = {"SP5"};
  row.machine = 0x14c;
  row.state = BuildState::kLeaks;
  return row;
}

SignatureMatch MatchOne(const Signature& row, const BuildFacts& facts) {
  return MatchBuild(facts, {&row, 1});
}

/// The class and the facts that agree, as one text.
std::string Outcome(const Signature& row, const BuildFacts& facts = File()) {
  const SignatureMatch match = MatchOne(row, facts);
  std::string text = ToText(match.match);
  for (const Candidate& candidate : match.candidates) {
    for (const std::string& name : candidate.agrees) text += " " + name;
  }
  return text;
}

TEST(MatchBuild, ARowWithoutFactsMatchesNothing) {
  EXPECT_EQ(Outcome(Row("a")), "none");
}

TEST(MatchBuild, TheSha256IsExactWhateverTheFileIsCalled) {
  Signature row = Row("a");
  row.sha256 = DigestOf(1);
  BuildFacts facts = File();
  facts.dll = "other.dll";
  EXPECT_EQ(Outcome(row, facts), "exact sha256");
  facts.sha256 = DigestOf(3);
  EXPECT_EQ(Outcome(row, facts), "none");
}

TEST(MatchBuild, TheInvariantHashIsRebased) {
  Signature row = Row("a");
  row.sha256 = DigestOf(9);
  row.invariant_sha256 = DigestOf(2);
  EXPECT_EQ(Outcome(row), "rebased invariant_sha256");
  BuildFacts facts = File();
  facts.invariant_sha256.reset();
  EXPECT_EQ(Outcome(row, facts), "none");
}

TEST(MatchBuild, TheCodeOfTheEntryIsAPattern) {
  Signature row = Row("a");
  row.dllmain = *ParsePattern(
      "55 8b ec 53 56 57 83 7d 0c 01 75 15 8b 45 08 a3 ?? ?? ?? ??");
  EXPECT_EQ(Outcome(row), "pattern dllmain");
  BuildFacts facts = File();
  facts.entry = 0x1001;
  EXPECT_EQ(Outcome(row, facts), "none");
  facts = File();
  facts.dll = "other.dll";
  EXPECT_EQ(Outcome(row, facts), "none");
  facts = File();
  facts.machine = 0x184;
  EXPECT_EQ(Outcome(row, facts), "none");
  facts = File();
  facts.entry = 0xffffffff;
  EXPECT_EQ(Outcome(row, facts), "none");
}

TEST(MatchBuild, APatternNeedsAllOfItsHelpers) {
  Signature row = Row("a");
  row.dllmain = *ParsePattern("53 56 57 83");
  row.helpers = {{-3, *ParsePattern("55 8b ec")}, {4, *ParsePattern("7d 0c")}};
  BuildFacts facts = File();
  facts.entry = 0x1003;
  EXPECT_EQ(Outcome(row, facts), "pattern dllmain");
  row.helpers[1].from_entry = 5;
  EXPECT_EQ(Outcome(row, facts), "none");
  row.helpers[1].from_entry = -0x10000;
  EXPECT_EQ(Outcome(row, facts), "none");
}

TEST(MatchBuild, PublishedFactsThatAgreeAreConsistent) {
  Signature row = Row("a");
  row.size = 58640;
  EXPECT_EQ(Outcome(row), "consistent size");
  row.stamp = kStamp;
  row.linker = LinkerVersion{3, 10};
  row.entry = 0x1000;
  row.image_base = 0x77a80000;
  row.checksum = 0x12345;
  EXPECT_EQ(Outcome(row),
            "consistent size linker entry image_base stamp checksum");
}

TEST(MatchBuild, OneFactThatDiffersIsEnough) {
  Signature sound = Row("a");
  sound.size = 58640;
  const auto with = [&](auto change) {
    Signature row = sound;
    change(row);
    return Outcome(row);
  };
  EXPECT_EQ(with([](Signature& row) { row.size = 58641; }), "none");
  EXPECT_EQ(with([](Signature& row) { row.stamp = 1; }), "none");
  EXPECT_EQ(with([](Signature& row) { row.checksum = 1; }), "none");
  EXPECT_EQ(with([](Signature& row) { row.entry = 0x2000; }), "none");
  EXPECT_EQ(with([](Signature& row) {
              row.linker = LinkerVersion{4, 0};
            }),
            "none");
  EXPECT_EQ(with([](Signature& row) { row.description = "x"; }), "none");
  EXPECT_EQ(with([](Signature& row) { row.target = "secur128.dll"; }), "none");
  EXPECT_EQ(with([](Signature& row) { row.machine = 0x184; }), "none");
}

TEST(MatchBuild, WhatManyFilesShareDoesNotMakeAMatch) {
  Signature row = Row("a");
  row.linker = LinkerVersion{3, 10};
  row.entry = 0x1000;
  row.image_base = 0x77a80000;
  EXPECT_EQ(Outcome(row), "none");
}

TEST(MatchBuild, AtAnotherBaseTheStampAndTheChecksumSayNothing) {
  Signature row = Row("a");
  row.size = 58640;
  row.image_base = 0x10000000;
  row.stamp = 1;
  row.checksum = 1;
  EXPECT_EQ(Outcome(row), "consistent size");
}

TEST(MatchBuild, TheEditionInTheDescriptionCounts) {
  Signature row = Row("a");
  row.size = 58640;
  BuildFacts facts = File();
  const auto outcome = [&](const char* description, uint32_t crypto) {
    facts.description = description;
    row.crypto = crypto;
    return Outcome(row, facts);
  };
  // KB Q176820.
  const char* domestic =
      "NtLm Security Support Provider Client DLL (Domestic Use Only)";
  const char* exported =
      "NtLm Security Support Provider Client DLL (Export Version)";
  EXPECT_EQ(outcome(domestic, 128), "consistent size");
  EXPECT_EQ(outcome(domestic, 40), "none");
  EXPECT_EQ(outcome(domestic, 56), "none");
  EXPECT_EQ(outcome(exported, 40), "consistent size");
  EXPECT_EQ(outcome(exported, 56), "consistent size");
  EXPECT_EQ(outcome(exported, 128), "none");
  EXPECT_EQ(outcome("NtLm", 128), "consistent size");
}

TEST(MatchBuild, TheReleaseDatesAreAWindow) {
  Signature row = Row("a");
  row.built_after = Date{year(1998), month(10), day(25)};
  row.built_until = Date{year(1999), month(5), day(4)};
  BuildFacts facts = File();
  const auto outcome = [&](uint32_t stamp) {
    facts.stamp = stamp;
    return Outcome(row, facts);
  };
  const uint32_t after = 0x36326a00;  // 1998-10-25
  const uint32_t until = 0x372e3880;  // 1999-05-04
  EXPECT_EQ(outcome(kStamp), "consistent window");
  EXPECT_EQ(outcome(after), "none");
  EXPECT_EQ(outcome(after + kDay), "consistent window");
  EXPECT_EQ(outcome(until + kDay), "consistent window");
  EXPECT_EQ(outcome(until + 2 * kDay), "none");
  row.built_after.reset();
  EXPECT_EQ(outcome(0), "none");
}

TEST(MatchBuild, AFileIsNotLinkedAfterItsDate) {
  Signature row = Row("a");
  row.size = 58640;
  row.date = kApril29;
  BuildFacts facts = File();
  EXPECT_EQ(Outcome(row, facts), "consistent size");
  facts.stamp = kStamp + 2 * kDay;
  EXPECT_EQ(Outcome(row, facts), "none");
}

TEST(MatchBuild, NamesEveryCandidateOfTheStrongestClass) {
  Signature size = Row("size");
  size.size = 58640;
  Signature both = size;
  both.id = "both";
  both.stamp = kStamp;
  Signature neither = Row("neither");
  neither.size = 1;
  const std::vector<Signature> rows = {size, neither, both};
  const SignatureMatch match = MatchBuild(File(), rows);
  EXPECT_EQ(match.match, MatchClass::kConsistent);
  ASSERT_EQ(match.candidates.size(), 2u);
  EXPECT_EQ(match.candidates[0].row.id, "both");
  EXPECT_EQ(match.candidates[1].row.id, "size");

  Signature exact = Row("exact");
  exact.sha256 = DigestOf(1);
  const std::vector<Signature> more = {size, exact, both};
  const SignatureMatch strongest = MatchBuild(File(), more);
  EXPECT_EQ(strongest.match, MatchClass::kExact);
  ASSERT_EQ(strongest.candidates.size(), 1u);
  EXPECT_EQ(strongest.candidates[0].row.id, "exact");
}

TEST(StateOf, IsWhatAllCandidatesSay) {
  const auto state = [](const std::vector<BuildState>& states) {
    SignatureMatch match;
    for (const BuildState each : states) {
      match.candidates.push_back({Row("a"), {}});
      match.candidates.back().row.state = each;
    }
    return StateOf(match);
  };
  using enum BuildState;
  EXPECT_EQ(state({}), kNotStated);
  EXPECT_EQ(state({kLeaks}), kLeaks);
  EXPECT_EQ(state({kNotStated, kFixed, kFixed}), kFixed);
  EXPECT_EQ(state({kLeaks, kFixed}), kNotStated);
  EXPECT_EQ(state({kLeaks, kFixed, kLeaks}), kNotStated);
}

}  // namespace
}  // namespace detachfix
