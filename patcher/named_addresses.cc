// SPDX-License-Identifier: Apache-2.0
#include "patcher/named_addresses.h"

#include <algorithm>

#include "disasm/isa.h"
#include "patcher/bytes.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;

bool IsIn(const CodeRegion& region, Rva rva) {
  return rva.value >= region.begin.value &&
         rva.value - region.begin.value < region.size;
}

}  // namespace

bool IsCode(const CodeView& view, Rva rva) {
  return std::ranges::any_of(view.regions, [rva](const CodeRegion& region) {
    return region.executable && IsIn(region, rva);
  });
}

bool IsData(const CodeView& view, Rva rva) {
  return std::ranges::any_of(view.regions, [rva](const CodeRegion& region) {
    return !region.executable && IsIn(region, rva);
  });
}

bool IsWritable(const CodeView& view, Rva rva) {
  return std::ranges::any_of(view.regions, [rva](const CodeRegion& region) {
    return region.writable && IsIn(region, rva);
  });
}

std::optional<Rva> NamedBy(const CodeView& view,
                           const Instruction& instruction) {
  if (instruction.flow != Flow::kNext || instruction.size <= kWord) {
    return std::nullopt;
  }
  const Rva operand = instruction.rva + (instruction.size - kWord);
  const std::optional<uint32_t> va =
      ByteReader(ContentAt(view, operand, kWord)).U32(0);
  if (!va) return std::nullopt;
  return Rva{*va - view.image_base};
}

bool TakesValue(const CodeView& view, Rva instruction) {
  const std::optional<uint8_t> opcode =
      ByteReader(ContentAt(view, instruction, 1)).U8(0);
  switch (opcode.value_or(0)) {
    case 0x05:  // add eax, imm32
    case 0x68:  // push imm32
    case 0x81:  // add r/m32, imm32
    case 0x8d:  // lea
    case 0xc7:  // mov r/m32, imm32
      return true;
    default:
      return opcode >= 0xb8 && opcode <= 0xbf;  // mov r32, imm32
  }
}

bool MayNameOwn(const CodeView& view, Rva instruction) {
  const ByteReader reader(ContentAt(view, instruction, kMaxInstruction));
  for (uint32_t at = 1; at + kWord <= kMaxInstruction; ++at) {
    const std::optional<uint32_t> va = reader.U32(at);
    if (va && *va - view.image_base < view.image_size) return true;
  }
  return false;
}

}  // namespace detachfix
