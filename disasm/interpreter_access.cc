// SPDX-License-Identifier: Apache-2.0
// Loads and stores of instructions: what is read through a pointer that is not
// known, and what a store may overwrite.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/process/stack_place.h"

namespace detachfix {
namespace {

/// Bytes of an address, on both machines.
constexpr uint32_t kAddressSize = 4;

/// What an instruction gives that is not lifted: it may have moved an address.
Value Forgotten() {
  Value value = UnknownValue();
  value.from_image = true;
  return value;
}

/// What a register of 64 bits is loaded with, as two words, where the quadword
/// says less.
std::optional<Words> LoadWords(const State& state, MemoryAddress address,
                               uint32_t size, const Value& quadword) {
  if (state.register_width != 64 || size != 2 * kAddressSize ||
      (!quadword.IsUnknown() && quadword.kind != Value::Kind::kPartial)) {
    return std::nullopt;
  }
  const Words words = {
      state.memory.Load(address, kAddressSize),
      state.memory.Load({address.region, address.offset + kAddressSize},
                        kAddressSize)};
  if (!IsWorthKeeping(words)) return std::nullopt;
  return words;
}

}  // namespace

/// What is used as an address, where numbers may be addresses of the stack.
Value Interpreter::OnStack(const Value& value) const {
  return setting_ == Setting::kOrdinary ? StackFromPlace(value) : value;
}

/// The `size` bytes at `address` where they are a part of a word that holds an
/// address of the stack.
std::optional<Value> Interpreter::PartOfStackAddress(const State& state,
                                                     MemoryAddress address,
                                                     uint32_t size) const {
  if (setting_ != Setting::kOrdinary) return std::nullopt;
  Count(4);  // it looks at as many words
  for (uint32_t before = 0; before + size <= 4; ++before) {
    const Value word = PlacedStack(
        state.memory.Load({address.region, address.offset - before}, 4));
    if (word.IsConstant()) {
      return ConstantValue((word.bits >> (8 * before)) & LowBits(8 * size));
    }
  }
  return std::nullopt;
}

/// The words of what is read, where they are kept.
std::optional<Words> Interpreter::WordsOf(const State& state,
                                          const Operand& of) const {
  const Place* place = std::get_if<Place>(&of);
  if (place == nullptr) return std::nullopt;
  return place->id < kFirstTemporary ? KeptWords(state, *place)
                                     : temporary_words_.At(*place);
}

/// The low `bits` of what is read, as far as a word says more of them.
Value Interpreter::WordOf(const State& state, const Operand& operand,
                          unsigned bits) const {
  if (bits <= 8 * kAddressSize) {
    const std::optional<Words> words = WordsOf(state, operand);
    if (words) return words->low;
  }
  return ValueOf(state, operand);
}

void Interpreter::SetWords(State& state, Place place,
                           const std::optional<Words>& words) {
  if (!words) return;
  if (place.id < kFirstTemporary) {
    KeepWords(state, place, *words);
  } else {
    temporary_words_.Keep(place, *words);
  }
}

/// The words of an operation's `result`, where that says less.
std::optional<Words> Interpreter::WordsOfResult(const State& state,
                                                const Binary& op,
                                                const Value& result) const {
  const bool is_open =
      result.IsUnknown() || result.kind == Value::Kind::kPartial;
  if (state.register_width != 64 || op.width != 64 || !is_open) {
    return std::nullopt;
  }
  const Value b = ValueOf(state, op.b);
  const auto words_of = [&](const Operand& operand) {
    const std::optional<Words> kept = WordsOf(state, operand);
    return kept ? *kept : Split(ValueOf(state, operand));
  };
  return EvaluateWords(op.op, words_of(op.a), b, words_of(op.b));
}

/// What is `read` through `pointer` may be any word of the stack or the block
/// that it points into, and of the frame where it is known in which: of those
/// the addresses count.
void Interpreter::AddWordsNear(const State& state, const Value& pointer,
                               Value& read) const {
  const Symbol near = RegionNear(pointer);
  if (near == 0 || near == kSomewhereSymbol) return;
  MemoryAddress from{near, INT64_MIN};
  if (near == kStackSymbol) {
    const std::optional<MemoryAddress> top =
        AddressOf(state.at(isa_.convention().stack_pointer));
    if (top) from = *top;
    const bool has_base = pointer.IsUnknown() && pointer.known == 1;
    if (has_base) from.offset = static_cast<int32_t>(pointer.bits);
  }
  const CellMap& cells = state.memory.cells();
  for (const CellMap::Entry* entry = cells.AtOrAfter(from);
       entry != nullptr && entry->address.region == near;
       entry = cells.After(entry->address)) {
    ++work_;
    if (near == kStackSymbol && IsSavedWord(state, *entry)) return;
    const Value& value = entry->cell.value;
    read.from_image |= IsData(value);
    MoveNear(value, read);
  }
}

/// A word read through `pointer`, which is not known: it may be an address
/// itself, of what one of the same kind points to, or one that was stored
/// there.
Value Interpreter::ReadAnyOf(const State& state, const Value& pointer) const {
  Value read = Blurred(pointer);
  AddWordsNear(state, pointer, read);
  const Symbol near = RegionNear(read);
  const bool in_image = read.from_image;
  if (near != 0) read = stored_.MayBeStrewn(read, near);
  if (in_image) read = stored_.MayBeStrewn(read, kAbsolute);
  const bool finds_pointers = (near != 0 && stored_.HoldsPointers(near)) ||
                              (in_image && stored_.HoldsPointers(kAbsolute));
  if (finds_pointers) {
    read.symbol = kSomewhereSymbol;
    read.bits = read.known = 0;
  }
  return read;
}

/// Whether the address is that of an element of the image's, of which the index
/// has a name: other ones may be the same.
bool Interpreter::MayBeElement(const Value& pointer) {
  return pointer.IsSymbolic() && pointer.from_image;
}

Interpreter::Step Interpreter::Do(State& state, const Load& op) {
  const Value pointer = ValueOf(state, op.address);
  const std::optional<MemoryAddress> address = AddressOf(OnStack(pointer));
  NoteRead(state, OnStack(pointer), op.size);
  if (!address) {
    Value read = UnknownValue();
    if (op.size >= kAddressSize) read = ReadAnyOf(state, pointer);
    Set(state, op.dst, read);
    return Step::kNextOp;
  }
  Value there = state.memory.Load(*address, op.size);
  // An address of which a byte was overwritten is one still.
  if (there.kind == Value::Kind::kPartial && there.bits >= kLowestImage) {
    there.from_image = true;
  }
  if (op.size == 4 && there.IsUnknown()) {
    there = ReturnAddressAt(state, *address).value_or(there);
  }
  if (there.IsConstant()) read_ = {*address, there.bits};
  if (op.size >= kAddressSize) {
    there = stored_.MayBeStrewn(there, address->region);
  }
  if (op.size == 4 && !there.from_image && there.symbol == 0 &&
      state.memory.IsOpenWord(*address)) {
    Value named = FreshWord(state, *address);
    const bool may_be_own = MayBeElement(pointer);
    named.from_image = MayHoldDataPointer(*address) || may_be_own;
    if (!may_be_own) state.memory.Store(*address, 4, named);
    Set(state, op.dst, named);
    return Step::kNextOp;
  }
  const std::optional<Words> words = LoadWords(state, *address, op.size, there);
  const std::optional<Value> part =
      op.size < 4 && !there.IsConstant()
          ? PartOfStackAddress(state, *address, op.size)
          : std::nullopt;
  Set(state, op.dst, part.value_or(there));
  SetWords(state, op.dst, words);
  return Step::kNextOp;
}

/// Whether the value is an address of the image's data.
bool Interpreter::IsData(const Value& value) const {
  if (!value.IsConstant()) return value.IsUnknown() && value.from_image;
  return std::ranges::any_of(view_.regions, [&](const CodeRegion& region) {
    const uint64_t begin = uint64_t{view_.image_base} + region.begin.value;
    const uint64_t address = value.bits & LowBits(32);
    return region.writable && address >= begin && address - begin < region.size;
  });
}

/// Whether a word of the image that was forgotten may hold an address of the
/// image's data: it did at the start, or one was stored there.
bool Interpreter::MayHoldDataPointer(MemoryAddress address) const {
  return address.region == kAbsolute &&
         (stored_.HeldData(address.offset) ||
          IsData(Memory(view_).Load(address, 4)));
}

/// The word that /GS fills with a random number, by which the C runtime also
/// hides the addresses of functions. It keeps its value here: the code works
/// alike with every one.
bool Interpreter::IsSecurityCookie(
    const std::optional<MemoryAddress>& address) const {
  return address && view_.security_cookie &&
         *address == MemoryAddress{kAbsolute, int64_t{view_.image_base} +
                                                  view_.security_cookie->value};
}

/// Every store at a known address, by an instruction or by an import: what is
/// remembered of the run's stores must miss none.
void Interpreter::StoreAt(State& state, MemoryAddress address, uint32_t size,
                          const Value& value) {
  NoteFunctionStored(address, value);
  if (size == 4 && address.region != kStackSymbol && IsOwnPointer(value)) {
    stored_.StorePointer(address.region);
  }
  if (address.region == kAbsolute) {
    if (IsData(value)) stored_.StoreData(address.offset);
    const uint64_t va = static_cast<uint64_t>(address.offset);
    if (IsCode(va)) written_code_.insert(va);
  }
  state.memory.Store(address, size, value);
}

Interpreter::Step Interpreter::Do(State& state, const Store& op) {
  const Value target = OnStack(ValueOf(state, op.address));
  const std::optional<MemoryAddress> address = AddressOf(target);
  const bool is_own = address && (address->region == kStackSymbol ||
                                  address->region == kWideRegistersSymbol);
  if (!is_own) log_->writes_memory = true;
  if (IsSecurityCookie(address)) return Step::kNextOp;
  const Operand* value = std::get_if<Operand>(&op.value);
  const Value stored =
      value != nullptr ? WordOf(state, *value, 8 * op.size) : Forgotten();
  if (!target.IsConstant() && target.MayBeInImage() && IsFunction(stored)) {
    learned_ |= stored_.StrewFunctions();
  }
  ForgetIfInImage(state, target);
  if (!address || MayBeElement(target)) {
    if (op.size == 4) StrewPointer(target, stored);
    ForgetNear(state, target);
    return Step::kNextOp;
  }
  const std::optional<Words> words =
      value != nullptr && op.size == 2 * kAddressSize ? WordsOf(state, *value)
                                                      : std::nullopt;
  if (words) {
    StoreAt(state, *address, kAddressSize, words->low);
    StoreAt(state, {address->region, address->offset + kAddressSize},
            kAddressSize, words->high);
  } else {
    StoreAt(state, *address, op.size, stored);
  }
  return Step::kNextOp;
}

Interpreter::Step Interpreter::Do(State& state, const Forget& op) {
  // In an ordinary process the processor is a plain one.
  const bool plain = op.of_processor && setting_ == Setting::kOrdinary;
  Set(state, op.dst, plain ? ConstantValue(0) : Forgotten());
  // It may come from memory, too.
  if (!op.of_processor) NoteRead(state, Forgotten(), 1);
  return Step::kNextOp;
}

}  // namespace detachfix
