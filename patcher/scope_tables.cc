// SPDX-License-Identifier: Apache-2.0
#include "patcher/scope_tables.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>

#include "disasm/instruction.h"
#include "disasm/isa.h"
#include "patcher/bytes.h"
#include "patcher/named_addresses.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
constexpr uint32_t kPushSize = 5;  ///< "push imm32"
constexpr uint8_t kPush = 0x68;
constexpr uint8_t kPushByte = 0x6a;
constexpr uint8_t kCall = 0xe8;
/// Blocks of __try in one function.
constexpr uint32_t kMaxEntries = 256;
/// Of locals, which the helper is told; and of what lies in a frame.
constexpr uint32_t kMaxFrame = 0x10'0000;

/// The level that lies in no other, in the tables of _except_handler3 and of
/// _except_handler4, and words before the entries of the latter: the offsets in
/// the frame of two cookies, the first of which there may not be, each with
/// another (Wine, dlls/msvcrt/except_i386.c).
constexpr uint32_t kNoLevel3 = 0xffff'ffff;
constexpr uint32_t kNoLevel4 = 0xffff'fffe;
constexpr uint32_t kHeaderWords4 = 4;
/// Words of an entry: the level outside it, the filter of __except or 0, the
/// block.
constexpr uint32_t kEntryWords = 3;

/// The two beginnings of what links a frame into the thread's list: mov eax,
/// fs:[0] and push dword fs:[0].
constexpr std::array<uint8_t, 6> kMovLink = {0x64, 0xa1, 0, 0, 0, 0};
constexpr std::array<uint8_t, 7> kPushLink = {0x64, 0xff, 0x35, 0, 0, 0, 0};
/// push eax; mov fs:[0], esp, where the former stands before the pushes.
constexpr std::array<uint8_t, 8> kSetLink = {0x50, 0x64, 0x89, 0x25,
                                             0,    0,    0,    0};

bool BeginsWith(std::span<const uint8_t> bytes,
                std::span<const uint8_t> begin) {
  return bytes.size() >= begin.size() &&
         std::ranges::equal(bytes.first(begin.size()), begin);
}

/// Gives `look` the offset of each byte that is `value`.
template <typename Look>
void LookAt(std::span<const uint8_t> bytes, uint8_t value, Look look) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    const void* found =
        std::memchr(bytes.data() + at, value, bytes.size() - at);
    if (found == nullptr) return;
    at = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes.data());
    look(at);
  }
}

class Finder {
 public:
  explicit Finder(const CodeView& view) : view_(view) {}

  std::set<Rva> Find();

 private:
  void LookAtPushes(const CodeRegion& region);
  void LookAtCalls(const CodeRegion& region);
  std::span<const uint8_t> CodeOf(const CodeRegion& region) const {
    return ContentAt(view_, region.begin,
                     static_cast<uint32_t>(region.content.size()));
  }
  uint32_t WordAt(Rva table, uint32_t index) const {
    return ByteReader(ContentAt(view_, table + index * kWord, kWord))
        .U32(0)
        .value_or(0);
  }
  bool NamesCode(uint32_t va) const {
    return IsCode(view_, Rva{va - view_.image_base});
  }
  bool IsEntry(Rva entry, uint32_t index, uint32_t no_level) const;
  bool IsHeader4(Rva table) const;
  bool LeavesByTable(Rva pusher) const;
  void AddWords(Rva table, Rva pusher);

  const CodeView& view_;
  std::map<Rva, Rva> pushers_;  ///< by what may be a table: "push table"
  std::set<Rva> helpers_;       ///< what may be __SEH_prolog or __SEH_prolog4
  std::set<Rva> words_;
};

/// Notes "push -1; push table; push handler" (-2 of _except_handler4) before
/// what links the frame, and "push handler" before that: so the helpers begin
/// (__SEH_prolog, __SEH_prolog4).
void Finder::LookAtPushes(const CodeRegion& region) {
  const std::span<const uint8_t> code = CodeOf(region);
  LookAt(code, kPush, [&](size_t at) {
    const auto after = code.subspan(std::min(at + kPushSize, code.size()));
    const bool links =
        BeginsWith(after, kMovLink) || BeginsWith(after, kPushLink);
    if (!links && !BeginsWith(after, kSetLink)) return;
    const Rva push = region.begin + static_cast<uint32_t>(at);
    if (links) helpers_.insert(push);
    if (at < kPushSize + 2 || code[at - kPushSize] != kPush) return;
    if (code[at - kPushSize - 2] != kPushByte) return;
    if (code[at - kPushSize - 1] < 0xfe) return;
    const uint32_t table = ByteReader(code).U32(at - kWord).value_or(0);
    pushers_.emplace(Rva{table - view_.image_base},
                     Rva{push.value - kPushSize});
  });
}

/// Notes "push size; push table; call helper".
void Finder::LookAtCalls(const CodeRegion& region) {
  const std::span<const uint8_t> code = CodeOf(region);
  const ByteReader reader(code);
  LookAt(code, kCall, [&](size_t at) {
    if (at < 2 * kPushSize || code[at - kPushSize] != kPush) return;
    const Rva next = region.begin + static_cast<uint32_t>(at) + kPushSize;
    const uint32_t distance = reader.U32(at + 1).value_or(0);
    if (!helpers_.contains(next + distance)) return;
    const bool is_sized =
        code[at - kPushSize - 2] == kPushByte ||
        (code[at - 2 * kPushSize] == kPush &&
         reader.U32(at - 2 * kPushSize + 1).value_or(kMaxFrame) < kMaxFrame);
    if (!is_sized) return;
    const uint32_t table = reader.U32(at - kWord).value_or(0);
    pushers_.emplace(Rva{table - view_.image_base},
                     Rva{next.value - 2 * kPushSize});
  });
}

/// A level lies in one that stands before it, or in none.
bool Finder::IsEntry(Rva entry, uint32_t index, uint32_t no_level) const {
  const uint32_t outside = WordAt(entry, 0);
  const uint32_t filter = WordAt(entry, 1);
  return (outside == no_level || outside < index) &&
         (filter == 0 || NamesCode(filter)) && NamesCode(WordAt(entry, 2));
}

bool Finder::IsHeader4(Rva table) const {
  for (uint32_t i = 0; i < kHeaderWords4; i += 2) {
    if (WordAt(table, i) <= 0 - kMaxFrame) return false;
    if (WordAt(table, i + 1) >= kMaxFrame) return false;
  }
  return true;
}

/// Whether the function may leave a block of __try by `return` or `goto`, for
/// which it passes its frame's registration, at ebp-10h, to _local_unwind2 or
/// _local_unwind4: these run what the table has for __finally. (The compiler
/// has that address elsewhere to link the frame alone: "mov fs:[0], eax".)
bool Finder::LeavesByTable(Rva pusher) const {
  constexpr uint8_t kLea = 0x8d;
  constexpr uint8_t kOfThread = 0x64;
  const FunctionBody body = DecodeFunction(view_, pusher);
  return std::ranges::any_of(
      body.instructions, [this](const Instruction& instruction) {
        const auto code = ContentAt(view_, instruction.rva, 4);
        return instruction.size == 3 && code.size() == 4 && code[0] == kLea &&
               (code[1] & 0xc7) == 0x45 && code[2] == 0xf0 &&
               code[3] != kOfThread;
      });
}

/// Adds what the entries name, up to the next table.
void Finder::AddWords(Rva table, Rva pusher) {
  const bool is_4 = IsHeader4(table);
  const Rva first = is_4 ? table + kHeaderWords4 * kWord : table;
  const uint32_t no_level = is_4 ? kNoLevel4 : kNoLevel3;
  std::optional<bool> leaves;
  for (uint32_t i = 0; i < kMaxEntries; ++i) {
    const Rva entry = first + i * kEntryWords * kWord;
    if (i != 0 && pushers_.contains(entry)) return;
    if (!IsEntry(entry, i, no_level)) return;
    if (WordAt(entry, 1) == 0) {
      if (!leaves) leaves = LeavesByTable(pusher);
      if (*leaves) continue;
    }
    words_.insert(entry + kWord);
    words_.insert(entry + 2 * kWord);
  }
}

std::set<Rva> Finder::Find() {
  for (const CodeRegion& region : view_.regions) {
    if (region.executable) LookAtPushes(region);
  }
  for (const CodeRegion& region : view_.regions) {
    if (region.executable && !helpers_.empty()) LookAtCalls(region);
  }
  for (const auto& [table, pusher] : pushers_) AddWords(table, pusher);
  return words_;
}

}  // namespace

std::set<Rva> FindScopeTableWords(const CodeView& view) {
  return Finder(view).Find();
}

}  // namespace detachfix
