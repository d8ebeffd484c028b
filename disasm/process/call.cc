// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/call.h"

#include "disasm/interpreter_limits.h"

namespace detachfix {
namespace {

/// The longest text that is read, in characters.
constexpr size_t kMaxText = 512;

}  // namespace

void WriteBytes(CodeRunner& runner, State& state, MemoryAddress address,
                std::string_view bytes) {
  runner.Count(bytes.size());
  for (const char byte : bytes) {
    runner.StoreAt(state, address, 1,
                   ConstantValue(static_cast<uint8_t>(byte)));
    ++address.offset;
  }
}

void ProcessCall::StoreWords(MemoryAddress to,
                             std::initializer_list<uint64_t> words) const {
  for (const uint64_t word : words) {
    StoreAt(to, 4, ConstantValue(word));
    to.offset += 4;
  }
}

std::optional<std::string> ProcessCall::TextAt(const Value& pointer,
                                               uint32_t width) const {
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  if (!address) return std::nullopt;
  std::string text;
  while (text.size() < kMaxText) {
    const std::optional<uint32_t> character =
        CharacterAt(*address, text.size(), width);
    if (!character || *character > 0x7e) return std::nullopt;
    if (*character == 0) return text;
    text += static_cast<char>(*character);
  }
  return std::nullopt;
}

Value ProcessCall::LoadCharacter(MemoryAddress address, uint64_t index,
                                 uint32_t width) const {
  if (index % kCharactersPerStep == 0) Count(1);
  address.offset += static_cast<int64_t>(index * width);
  return Load(address, width);
}

std::optional<uint32_t> ProcessCall::CharacterAt(MemoryAddress address,
                                                 uint64_t index,
                                                 uint32_t width) const {
  const Value character = LoadCharacter(address, index, width);
  if (!character.IsConstant()) return std::nullopt;
  return static_cast<uint32_t>(character.bits);
}

std::optional<std::vector<Value>> ProcessCall::CharactersAt(
    size_t first, uint32_t width) const {
  const std::optional<MemoryAddress> from = Pointed(first);
  const Value length = Argument(first + 1);
  if (!from || !length.IsConstant()) return std::nullopt;
  const bool to_end = (length.bits & LowBits(32)) == LowBits(32);
  if (!to_end && length.bits > kMaxText) return std::nullopt;
  std::vector<Value> text;
  while (to_end || text.size() < length.bits) {
    const Value character = LoadCharacter(*from, text.size(), width);
    if (to_end && (!character.IsConstant() || text.size() == kMaxText)) {
      return std::nullopt;
    }
    text.push_back(character);
    if (to_end && character.bits == 0) break;
  }
  return text;
}

void ProcessCall::WriteText(MemoryAddress address, std::string_view text,
                            uint32_t width) const {
  Count(text.size());
  for (const char character : text) {
    StoreAt(address, width, ConstantValue(static_cast<uint8_t>(character)));
    address.offset += width;
  }
}

std::optional<Value> ProcessCall::FillBuffer(std::string_view text,
                                             uint32_t width, size_t to,
                                             size_t room) const {
  const Value buffer = Argument(to);
  const Value most = Argument(room);
  const std::optional<MemoryAddress> address = AddressOf(buffer);
  if (!most.IsConstant()) return std::nullopt;
  if (most.bits <= text.size()) return ConstantValue(text.size() + 1);
  if (!address) return std::nullopt;
  ForgetIfInImage(buffer);
  WriteText(*address, std::string(text) + '\0', width);
  return ConstantValue(text.size());
}

}  // namespace detachfix
