// SPDX-License-Identifier: Apache-2.0
// What a file is before it is read as a PE. Machine numbers: PE/COFF
// specification, "Machine Types", and winnt.h for the ones that it has dropped.
#include <algorithm>

#include "patcher/bytes.h"
#include "patcher/hex_text.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"
#include "patcher/sniff_packing.h"

namespace detachfix {

namespace {

constexpr uint32_t kDosHeaderSize = 64;
constexpr uint16_t kDosMagic = 0x5a4d;  // "MZ"
constexpr uint16_t kPe32 = 0x10b;
constexpr uint16_t kPe32Plus = 0x20b;

struct MachineName {
  uint16_t machine;
  const char* name;
};
constexpr MachineName kMachines[] = {
    {0x014c, "i386"},
    {0x014d, "i860"},
    {0x0160, "MIPS R3000 BE"},
    {0x0162, "MIPS R3000"},
    {0x0166, "MIPS R4000"},
    {0x0168, "MIPS R10000"},
    {0x0169, "MIPS WCE v2"},
    {0x0184, "Alpha"},
    {0x01a2, "SH3"},
    {0x01a3, "SH3 DSP"},
    {0x01a6, "SH4"},
    {0x01a8, "SH5"},
    {0x01c0, "ARM"},
    {0x01c2, "ARM Thumb"},
    {0x01c4, "ARM Thumb-2"},
    {0x01d3, "AM33"},
    {0x01f0, "PowerPC"},
    {0x01f1, "PowerPC FP"},
    {0x0200, "Itanium"},
    {0x0266, "MIPS16"},
    {0x0268, "Motorola 68000"},
    {0x0284, "Alpha64"},
    {0x0366, "MIPS FPU"},
    {0x0466, "MIPS16 FPU"},
    {0x0520, "TriCore"},
    {0x0ebc, "EFI byte code"},
    {0x5032, "RISC-V 32"},
    {0x5064, "RISC-V 64"},
    {0x6232, "LoongArch 32"},
    {0x6264, "LoongArch 64"},
    {0x8664, "x86-64"},
    {0x9041, "M32R"},
    {0xaa64, "ARM64"},
};

const char* NameOf(Packing packing) {
  switch (packing) {
    case Packing::kSzdd:
      return "SZDD";
    case Packing::kKwaj:
      return "KWAJ";
    case Packing::kMscf:
      return "cabinet (MSCF)";
    case Packing::kNone:
      break;
  }
  return "not";
}

Error NotMz(const ByteReader& reader) {
  if (reader.size() == 0) return Error{"not a PE file: it is empty"};
  const auto first = reader.Range(0, std::min<uint64_t>(reader.size(), 8));
  const Packing packing = SniffPacking(*first);
  if (packing != Packing::kNone) {
    return Error{std::string("not a PE file: ") + NameOf(packing) +
                 " compressed, expand it first"};
  }
  if (reader.size() < 2) return Error{"not a PE file: it has 1 byte"};
  return Error{"not a PE file: it begins with " + HexNumber(*reader.U16(0)) +
               ", not \"MZ\" (0x5a4d)"};
}

// The module name of an NE file: the first entry of its resident-name table, a
// length and the characters ("Executable-file Header Format", KB Q65122).
std::string NeModuleName(const ByteReader& reader, uint32_t header) {
  constexpr uint32_t kResidentNameTable = 0x26;
  const std::optional<uint16_t> table =
      reader.U16(uint64_t{header} + kResidentNameTable);
  if (!table) return "";
  const uint64_t name = uint64_t{header} + *table;
  const auto text = reader.Range(name + 1, reader.U8(name).value_or(0));
  if (!text) return "";
  return std::string(text->begin(), text->end());
}

Error NotNt(const ByteReader& reader, uint32_t header) {
  std::string text = "a 16-bit NE file (Windows 3.x, OS/2), not a PE file";
  // KB Q150726 and Q165700: such a file on the path is taken for NT's.
  if (NeModuleName(reader, header) == "SECURITY") {
    text += ": the SECURITY.DLL of Windows 3.x, not that of Windows NT";
  }
  return Error{text};
}

Error NotPe(const ByteReader& reader, uint32_t signature, uint32_t offset) {
  switch (signature & 0xffff) {
    case 0x454e:
      return NotNt(reader, offset);
    case 0x454c:
      return Error{"an LE file (VxD, OS/2), not a PE file"};
    case 0x584c:
      return Error{"an LX file (OS/2), not a PE file"};
    default:
      return Error{"a DOS program, not a PE file: no PE signature at " +
                   HexNumber(offset)};
  }
}

Result<uint32_t> FindSignature(const ByteReader& reader) {
  if (reader.U16(0) != kDosMagic) return NotMz(reader);
  if (!reader.Holds(0, kDosHeaderSize)) {
    return Error{"DOS header ends at 0x40, file has " +
                 HexNumber(reader.size()) + " bytes"};
  }
  const uint32_t offset = *reader.U32(kNewHeaderField);
  if (offset == 0) return Error{"a DOS program, not a PE file: e_lfanew is 0"};
  if (!reader.Holds(offset, 4)) {
    return Error{"e_lfanew points at " + HexNumber(offset) + ", file has " +
                 HexNumber(reader.size()) + " bytes"};
  }
  const uint32_t signature = *reader.U32(offset);
  if (signature != 0x4550) return NotPe(reader, signature, offset);
  if (!reader.Holds(offset, kCoffHeaderSize + 2)) {
    return Error{"PE header ends at " +
                 HexNumber(uint64_t{offset} + kCoffHeaderSize + 2) +
                 ", file has " + HexNumber(reader.size()) + " bytes"};
  }
  return offset;
}

}  // namespace

std::string MachineText(uint16_t machine) {
  for (const MachineName& known : kMachines) {
    if (known.machine != machine) continue;
    return std::string(known.name) + " (" + HexNumber(machine) + ")";
  }
  return HexNumber(machine);
}

Result<PeKind> FindPe(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMaxFileSize) {
    return Error{"file has " + std::to_string(bytes.size()) +
                 " bytes, more than the " + std::to_string(kMaxFileSize) +
                 " that are read"};
  }
  const ByteReader reader(bytes);
  const Result<uint32_t> offset = FindSignature(reader);
  if (!offset) return offset.error();
  PeKind kind{FileOffset{*offset}, std::nullopt};
  const uint16_t machine = *reader.U16(*offset + 4);
  const uint16_t magic = *reader.U16(*offset + kCoffHeaderSize);
  if (!IsListedMachine(machine)) {
    kind.other =
        OtherMachine{machine, magic == kPe32Plus, MachineText(machine)};
  } else if (magic == kPe32Plus) {
    kind.other = OtherMachine{machine, true, MachineText(machine) + " PE32+"};
  } else if (magic != kPe32) {
    return Error{"optional header's Magic is " + HexNumber(magic) +
                 ", not 0x10b (PE32)"};
  }
  return kind;
}

}  // namespace detachfix
