// SPDX-License-Identifier: Apache-2.0
#include "patcher/named_addresses.h"

#include <algorithm>
#include <span>

#include "disasm/isa.h"
#include "disasm/x86_decode.h"
#include "patcher/bytes.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
/// Bytes of an instruction before the address that it accesses: a prefix, an
/// opcode of three, ModRM (SDM volume 2, section 2.1).
constexpr uint32_t kMaxBeforeAddress = 5;

bool IsIn(const CodeRegion& region, Rva rva) {
  return rva.value >= region.begin.value &&
         rva.value - region.begin.value < region.size;
}

/// Whether an instruction at `start` accesses the place `va`, which is named
/// without a register.
bool Accesses(const CodeView& view, Rva start, uint32_t va) {
  const X86Instruction instruction =
      DecodeX86(ContentAt(view, start, kMaxX86Size));
  if (instruction.op == X86Op::kUnknown || instruction.op == X86Op::kLea) {
    return false;
  }
  return std::ranges::any_of(
      std::span(instruction.operands).first(instruction.operand_count),
      [va](const X86Operand& operand) {
        return operand.kind == X86Operand::Kind::kMemory && !operand.base &&
               !operand.index && !operand.in_thread_block &&
               operand.number == va;
      });
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

bool IsOnlyAccessed(const CodeView& view, Rva operand) {
  const uint32_t va =
      ByteReader(ContentAt(view, operand, kWord)).U32(0).value_or(0);
  bool accesses = false;
  for (uint32_t before = 1;
       before <= std::min(operand.value, kMaxInstruction - kWord); ++before) {
    const Rva start{operand.value - before};
    if (TakesValue(view, start) && Decode(view, start).size == before + kWord) {
      return false;
    }
    accesses =
        accesses || (before <= kMaxBeforeAddress && Accesses(view, start, va));
  }
  return accesses;
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
