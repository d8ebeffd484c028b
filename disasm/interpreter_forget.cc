// SPDX-License-Identifier: Apache-2.0
// What is not known any more once something was written through a pointer of
// which only the object is known, or less: of imports, and of the code's own
// stores to an element of an array, nobody knows which.

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>

#include "disasm/interpreter.h"
#include "disasm/interpreter_limits.h"
#include "disasm/leaf_code.h"

namespace detachfix {
namespace {

/// Whether the name is one of a C++ member function, which has its object in a
/// register: of Microsoft's, where the letters behind the class's name say so
/// (access, const or not, __thiscall), or of g++'s, where any nested name may
/// be one (Itanium C++ ABI, 5.1.4).
bool IsMemberFunction(const std::string& name) {
  if (name.starts_with("_ZN")) return true;
  if (!name.starts_with('?')) return false;
  constexpr std::string_view kAccess = "AIQEMU";
  for (size_t at = name.find("@@"); at != std::string::npos;
       at = name.find("@@", at + 1)) {
    const std::string_view code = std::string_view(name).substr(at + 2, 3);
    if (code.size() == 3 && code[2] == 'E' &&
        kAccess.find(code[0]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

/// Whether the name is Microsoft's of a function that finds nothing on the
/// stack: no arguments (X, and Z behind them), and no address of an object that
/// it returns (?A, ?B).
bool TakesNothing(const std::string& name) {
  return name.starts_with('?') && name.ends_with("XZ") &&
         name.find("?A") == std::string::npos &&
         name.find("?B") == std::string::npos;
}

/// Whether it is a member function of a V8 handle, which is one pointer (v8.h).
bool IsOfHandle(const std::string& name) {
  return name.find("?$Persistent@") != std::string::npos &&
         name.find("@v8@@") != std::string::npos;
}

/// Bytes of an object in the image that a function which nobody knows is given
/// in an ordinary process.
constexpr int64_t kMaxObject = 64;

/// The bytes of the character string that the image holds there at the start,
/// its NUL among them; 0 where that is none of at least one character.
uint32_t StringBytes(const CodeView& view, uint64_t va) {
  constexpr uint32_t kLongest = 512;
  const std::span<const uint8_t> bytes = ContentAt(
      view, Rva{static_cast<uint32_t>(va) - view.image_base}, kLongest);
  const auto printable = [](uint8_t c) {
    return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
  };
  if (bytes.size() < 2 || !printable(bytes[0])) return 0;
  const uint32_t step = bytes[1] == 0 ? 2 : 1;  // UTF-16 or bytes
  for (uint32_t i = 0; i + step <= bytes.size(); i += step) {
    if (step == 2 && bytes[i + 1] != 0) return 0;
    if (bytes[i] == 0) return i + step;
    if (!printable(bytes[i])) return 0;
  }
  return 0;
}

/// Whether the string that StringBytes sees there may as well be code of an
/// i386: it has less than four characters, or begins by pushing an address of
/// the image (68 20 40 40 00, "h @@").
bool MayBeInstructions(const CodeView& view, uint64_t va) {
  constexpr uint32_t kShortest = 4;
  constexpr uint8_t kPush = 0x68;
  const std::span<const uint8_t> bytes = ContentAt(
      view, Rva{static_cast<uint32_t>(va) - view.image_base}, 2 * kShortest);
  if (bytes.size() < size_t{2} * kShortest) return true;
  const size_t step = bytes[1] == 0 ? 2 : 1;  // UTF-16 or bytes
  for (size_t i = 0; i < kShortest; ++i) {
    if (bytes[i * step] == 0) return true;
  }
  if (bytes[0] != kPush || step == 2) return false;
  uint32_t pushed = 0;
  for (uint32_t i = 4; i > 0; --i) pushed = pushed << 8 | bytes[i];
  return pushed - view.image_base < view.image_size;
}

}  // namespace

void Interpreter::ForgetWhatItMayWrite(State& state, const ImportName& import,
                                       const Api& api) {
  const bool counted = api.stack_bytes.value_or(0) > 0 && !api.stack_guessed;
  const std::optional<size_t> shown = CountArguments(state, api);
  const size_t count =
      TakesNothing(import.name) ? 0 : shown.value_or(kMaxArguments);
  for (size_t i = 0; i < count; ++i) {
    const Value argument = Argument(state, i);
    if (argument.IsConstant() && IsCode(argument.bits) &&
        (counted || !state.calls.ReturnsTo(argument.bits)) &&
        (StringBytes(view_, argument.bits) == 0 ||
         MayBeInstructions(view_, argument.bits)) &&
        !IsHarmless(argument.bits)) {
      Incomplete("passes code at " + Where(argument.bits) + " to " +
                 ToText(import) + ", which may run it, at " + Site());
    }
    if (shown) NotePassedSection(state, argument, import);
    NoteGiven(state, argument);
    ForgetWordsOf(state, argument);
    ForgetThrough(state, argument);
  }
  const std::optional<Place> this_pointer = isa_.convention().this_pointer;
  if (!this_pointer || !IsMemberFunction(import.name)) return;
  const Value object = state.at(*this_pointer);
  NoteGiven(state, object);
  if (object.IsConstant() && IsOfHandle(import.name)) {
    const int64_t begin = static_cast<int64_t>(object.bits & LowBits(32));
    state.memory.ForgetImage({begin, begin + isa_.convention().word_size},
                             KeptRanges(state));
    return;
  }
  ForgetThrough(state, object);
}

/// Whether it does not matter who runs the function at `va`, and when.
bool Interpreter::IsHarmless(uint64_t va) {
  const auto [known, is_new] = harmless_.try_emplace(va, false);
  if (is_new) {
    const Rva rva{static_cast<uint32_t>(va) - view_.image_base};
    known->second = ChangesNothing(view_, isa_, rva);
  }
  return known->second;
}

/// A function that nobody knows may delete a section that it is given.
void Interpreter::NotePassedSection(const State& state, const Value& argument,
                                    const ImportName& import) {
  const std::optional<MemoryAddress> at = AddressOf(argument);
  if (!at) return;
  const auto section = state.sections.all().find(*at);
  if (section == state.sections.all().end() || !section->second.live) return;
  Incomplete("passes a critical section to " + ToText(import) +
             ", which may delete it, at " + Site());
}

/// It may write through the addresses in an object on the stack or in a block.
void Interpreter::ForgetWordsOf(State& state, const Value& pointer) {
  constexpr int64_t kMaxWords = 24;
  const std::optional<MemoryAddress> object = AddressOf(pointer);
  if (!object || RegionNear(pointer) == 0) return;
  Count(2);
  for (int64_t i = 0; i < kMaxWords; ++i) {
    const MemoryAddress at{object->region, object->offset + 4 * i};
    const CellMap::Entry* entry = state.memory.cells().AtOrAfter(at);
    if (entry == nullptr || entry->address != at) continue;
    if (object->region == kStackSymbol && IsSavedWord(state, *entry)) return;
    const Value word = entry->cell.value;
    if (word.IsConstant() && IsData(word)) ForgetFrom(state, word);
  }
}

/// It may reach what lies there, and what the first words of that point to,
/// from now on.
void Interpreter::NoteGiven(const State& state, const Value& pointer) {
  constexpr int64_t kMaxWords = 24;
  const auto note = [this](const Value& value) {
    if (!value.IsConstant() || IsCode(value.bits)) return;
    const uint64_t rva = (value.bits & LowBits(32)) - view_.image_base;
    if (rva >= view_.image_size) return;
    log_->given.try_emplace(Rva{static_cast<uint32_t>(rva)}, site_);
  };
  note(pointer);
  const std::optional<MemoryAddress> object = AddressOf(pointer);
  if (!object) return;
  Count(2);
  for (int64_t i = 0; i < kMaxWords; ++i) {
    note(state.memory.Load({object->region, object->offset + 4 * i}, 4));
  }
}

/// Before something is written through a pointer that may be an address in the
/// image, nobody knows which.
void Interpreter::ForgetIfInImage(State& state, const Value& pointer) const {
  if (!pointer.IsConstant() && pointer.MayBeInImage()) {
    Count(4);  // it costs as much as several instructions
    state.memory.ForgetImage({0, INT64_MAX}, KeptRanges(state));
    // There blocks lie at numbers, too.
    if (setting_ == Setting::kOrdinary) ForgetPlacedBlocks(state);
  }
}

/// Of an ordinary process: what the image has allocated, but what the C runtime
/// has: the functions in the tables of _onexit_table_t.
void Interpreter::ForgetPlacedBlocks(State& state) const {
  std::map<int64_t, int64_t> kept;  // begin -> end
  for (const int64_t table : state.exit_tables) {
    const Value first = state.memory.Load({kAbsolute, table}, 4);
    const Value last = state.memory.Load({kAbsolute, table + 4}, 4);
    if (!first.IsConstant() || !last.IsConstant()) continue;
    kept.emplace(static_cast<int64_t>(first.bits),
                 static_cast<int64_t>(last.bits));
  }
  int64_t begin = static_cast<int64_t>(process_.own_blocks_at());
  for (const auto& [first, last] : kept) {
    if (first < begin) continue;
    state.memory.ForgetPlaced({begin, first});
    begin = last;
  }
  state.memory.ForgetPlaced({begin, static_cast<int64_t>(state.blocks_end)});
  state.memory.ForgetPlaced({static_cast<int64_t>(process_.pages_at()),
                             static_cast<int64_t>(state.pages_end)});
}

/// An import may write as far as it likes from where a pointer points to; but
/// where that is a string, it reads it or changes it in its place.
void Interpreter::ForgetThrough(State& state, const Value& pointer) {
  // A number that is not large looks like less ("@" is 64, "PF" 18,000).
  constexpr uint32_t kShortest = 4;
  const uint32_t bytes =
      pointer.IsConstant() ? StringBytes(view_, pointer.bits) : 0;
  if (bytes <= kShortest) {
    ForgetFrom(state, pointer);
    return;
  }
  const int64_t begin = static_cast<int64_t>(pointer.bits & LowBits(32));
  state.memory.ForgetImage({begin, begin + bytes}, KeptRanges(state));
}

/// The same where it does write as far as it likes.
void Interpreter::ForgetFrom(State& state, const Value& pointer) {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  // A number, nothing of the image's, or an element of one of its arrays.
  ForgetIfInImage(state, pointer);
  if (!address) {
    ForgetNear(state, pointer);
    return;
  }
  if (address->region == kStackSymbol) {
    ForgetStackFrom(state, *address);
    return;
  }
  if (address->region != kAbsolute) {
    if (address->region >= kFirstFreshSymbol) {
      state.memory.BlurRegion(address->region);
    }
    return;
  }
  if (const std::optional<Memory::Range> rest =
          process_.RestOfBlock(state, *address)) {
    state.memory.Forget(*address,
                        static_cast<uint32_t>(rest->end - rest->begin));
    return;
  }
  for (const CodeRegion& region : view_.regions) {
    const int64_t begin = int64_t{view_.image_base} + region.begin.value;
    if (address->offset < begin || address->offset >= begin + region.size) {
      continue;
    }
    int64_t end = begin + region.size;
    if (setting_ == Setting::kOrdinary) {
      end = std::min(end, address->offset + kMaxObject);
    }
    state.memory.ForgetImage({address->offset, end}, KeptRanges(state));
  }
}

/// A buffer on the stack ends at the latest where the frame's saved words
/// begin: a return address, the frame pointer below it, what the entry's caller
/// left in a register.
void Interpreter::ForgetStackFrom(State& state, MemoryAddress from) const {
  // A procedure that aligns its stack keeps a pointer to its own arguments.
  const auto is_own_arguments = [&](const Value& value) {
    return state.calls.CallerBeganAt(
        Evaluate(BinaryOp::kSub, isa_.convention().register_width, value,
                 ConstantValue(isa_.convention().first_stack_argument)));
  };
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter(from);
       entry != nullptr && entry->address.region == from.region;
       entry = before.After(entry->address)) {
    work_ += kWorkOfForgetting;
    if (IsSavedWord(state, *entry)) return;
    // The address of a function lies in a variable of its own.
    const Value& value = entry->cell.value;
    if (IsFunction(value) || is_own_arguments(value)) continue;
    state.memory.Blur(*entry);
  }
}

/// Whether the word is the /GS cookie mixed with an address of the stack, as it
/// stands between a frame's buffers and what the procedure has saved.
bool Interpreter::IsSavedCookie(const State& state, const Value& value) const {
  if (!view_.security_cookie || !value.IsConstant()) return false;
  const Value cookie = state.memory.Load(
      {kAbsolute, int64_t{view_.image_base} + view_.security_cookie->value}, 4);
  if (!cookie.IsConstant()) return false;
  const Value mixed = OnStack(ConstantValue(value.bits ^ cookie.bits));
  return mixed.IsSymbolic() && mixed.symbol == kStackSymbol;
}

/// Whether a word of the stack is none of an object's: a return address, a
/// frame pointer below one, what the entry's caller left in a register, a
/// cookie.
bool Interpreter::IsSavedWord(const State& state,
                              const CellMap::Entry& entry) const {
  const auto is_return_address = [&](const Value& value) {
    return (value.IsSymbolic() && (value.symbol == kReturnSymbol ||
                                   value.symbol == kCallbackSymbol)) ||
           (value.IsConstant() && state.calls.ReturnsTo(value.bits));
  };
  const Value& value = entry.cell.value;
  if (is_return_address(value) || IsSavedCookie(state, value)) return true;
  if (!value.IsSymbolic()) return false;
  const bool entry_register =
      value.symbol >= kFirstRegisterSymbol && value.symbol < kFirstHiddenSymbol;
  const int64_t above = entry.address.offset + isa_.convention().word_size;
  return entry_register || (value.symbol == kStackSymbol &&
                            is_return_address(state.memory.Load(
                                {entry.address.region, above}, 4)));
}

/// Something is written through `pointer`, nobody knows where: to an element of
/// an array in the stack, in a block or in memory that is not the image's, say.
void Interpreter::ForgetNear(State& state, const Value& pointer) {
  if (AddressOf(pointer)) return;
  const Symbol near = RegionNear(pointer);
  if (near == 0 || near == kSomewhereSymbol) state.memory.BlurForeign();
  if (near == 0) return;
  if (near == kStackSymbol || near == kSomewhereSymbol) {
    ForgetStackNear(state, pointer);
  }
  if (IsBlock(near)) state.memory.BlurRegion(near);
  if (near != kSomewhereSymbol) return;
  if (setting_ == Setting::kOrdinary) ForgetPlacedBlocks(state);
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter({kBlockBit, INT64_MIN});
       entry != nullptr; entry = before.After(entry->address)) {
    work_ += kWorkOfForgetting;
    state.memory.Blur(*entry);
  }
}

/// An object on the stack lies in the frame of one procedure: where that is
/// known, in that of the offset that the pointer was computed from.
void Interpreter::ForgetStackNear(State& state, const Value& pointer) {
  const std::optional<MemoryAddress> top =
      AddressOf(state.at(isa_.convention().stack_pointer));
  MemoryAddress from{kStackSymbol, INT64_MIN};
  if (top && top->region == kStackSymbol) from = *top;
  const bool has_base = pointer.IsUnknown() && pointer.known == 1;
  if (has_base) {
    const int64_t base = static_cast<int32_t>(pointer.bits);
    if (const std::optional<int64_t> below = state.calls.ReturnBelow(base)) {
      from.offset = *below + isa_.convention().word_size;
    }
    ForgetStackFrom(state, from);
    return;
  }
  // Of any procedure's frame: what they saved is told from it one by one.
  const CellMap before = state.memory.cells();
  for (const CellMap::Entry* entry = before.AtOrAfter(from);
       entry != nullptr && entry->address.region == kStackSymbol;
       entry = before.After(entry->address)) {
    work_ += kWorkOfForgetting;
    if (!IsSavedWord(state, *entry)) state.memory.Blur(*entry);
  }
}

}  // namespace detachfix
