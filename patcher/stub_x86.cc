// SPDX-License-Identifier: Apache-2.0
// Encodings are those of the Intel Software Developer's Manual, volume 2. What
// the code relies on:
// - DllMain is stdcall: at its first instruction and at its `ret 0Ch` the stack
//   holds return address, hinstDLL, fdwReason, lpvReserved (winnt.h, "DllMain
//   entry point").
// - EBX, ESI, EDI and EBP belong to the caller, EAX is the result; ECX, EDX and
//   the flags are free at a return.
// - `call $+5; pop ebx` gives the address the code runs at, so every place in
//   the image is a fixed distance from EBX whatever the base.
// - A CRITICAL_SECTION's first word is its DebugInfo pointer. It is not zero
//   between initialisation and deletion, which clears the structure; the test
//   makes a failed attach and a second detach harmless.
// - All variable fields are 32 bits wide, so sizes never depend on addresses.
#include "patcher/stub_x86.h"

#include <cassert>
#include <cctype>

#include "disasm/instruction.h"
#include "patcher/hex_text.h"

namespace detachfix {
namespace {

void Append32(Bytes& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<uint8_t>(value >> shift));
  }
}

/// Collects lines; a short jump's distance is filled in when its label is
/// bound.
class Assembler {
 public:
  explicit Assembler(Rva at) : here_(at) {}

  Rva here() const { return here_; }

  void Plain(Bytes bytes, const std::string& text) {
    const uint32_t size = static_cast<uint32_t>(bytes.size());
    code_.push_back({here_, std::move(bytes), text, std::nullopt});
    here_ = here_ + size;
  }

  /// An opcode with a 32-bit distance to `target`.
  void Relative(uint8_t opcode, const std::string& text, Rva target) {
    Bytes bytes = {opcode};
    Append32(bytes, target.value - (here_.value + 5));
    Plain(std::move(bytes), text);
    code_.back().target = target;
  }

  /// An opcode with the 32-bit distance from `anchor` to `place`.
  void Anchored(Bytes opcode, const std::string& text, Rva anchor, Rva place) {
    Append32(opcode, place.value - anchor.value);
    Plain(std::move(opcode), text);
  }

  /// A short jump forward; the result is passed to Bind at its target.
  size_t Forward(uint8_t opcode, const std::string& text) {
    Plain({opcode, 0}, text);
    return code_.size() - 1;
  }

  void Bind(size_t jump) {
    StubLine& line = code_[jump];
    const uint32_t distance = here_.value - (line.rva.value + 2);
    assert(distance < 0x80);
    line.bytes[1] = static_cast<uint8_t>(distance);
    line.target = here_;
  }

  StubCode Finish() { return std::move(code_); }

 private:
  Rva here_;
  StubCode code_;
};

/// Tests fdwReason and lpvReserved at [esp+8] and [esp+0Ch]. Control goes on
/// behind `elsewhere`'s code only at a detach with lpvReserved NULL.
template <typename Elsewhere>
void EmitDetachTest(Assembler& a, Elsewhere elsewhere) {
  a.Plain({0x83, 0x7c, 0x24, 0x08, 0x00}, "cmp dword ptr [esp+#], #");
  const size_t other_reason = a.Forward(0x75, "jnz #");
  a.Plain({0x83, 0x7c, 0x24, 0x0c, 0x00}, "cmp dword ptr [esp+#], #");
  const size_t detach = a.Forward(0x74, "jz #");
  a.Bind(other_reason);
  elsewhere();
  a.Bind(detach);
}

/// Deletes each section that exists. Only ECX, EDX and the flags are lost.
void EmitDeletes(Assembler& a, const DeleteTask& task) {
  a.Plain({0x50}, "push eax");
  a.Plain({0x53}, "push ebx");
  a.Relative(0xe8, "call #", a.here() + 5);
  const Rva anchor = a.here();
  a.Plain({0x5b}, "pop ebx");
  for (Rva section : task.sections) {
    a.Anchored({0x8d, 0x83}, "lea eax, [ebx+#]", anchor, section);
    a.Plain({0x83, 0x38, 0x00}, "cmp dword ptr [eax], #");
    const size_t absent = a.Forward(0x74, "jz #");
    a.Plain({0x50}, "push eax");
    a.Anchored({0xff, 0x93}, "call [ebx+#]", anchor, task.slot);
    a.Bind(absent);
  }
  a.Plain({0x5b}, "pop ebx");
  a.Plain({0x58}, "pop eax");
}

void EmitReturn(Assembler& a) { a.Plain({0xc2, 0x0c, 0x00}, "ret #"); }

/// `text` with every hexadecimal number, and a sign in front of it, replaced:
/// what is left does not depend on the place of the code.
std::string Skeleton(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "0x") != 0) {
      out.push_back(text[i]);
      continue;
    }
    if (!out.empty() && out.back() == '-') out.back() = '+';
    out.push_back('#');
    i += 1;
    while (i + 1 < text.size() &&
           std::isxdigit(static_cast<unsigned char>(text[i + 1]))) {
      ++i;
    }
  }
  return out;
}

}  // namespace

uint32_t CodeSize(const StubCode& code) {
  uint32_t size = 0;
  for (const StubLine& line : code) {
    size += static_cast<uint32_t>(line.bytes.size());
  }
  return size;
}

Bytes CodeBytes(const StubCode& code) {
  Bytes bytes;
  for (const StubLine& line : code) {
    bytes.insert(bytes.end(), line.bytes.begin(), line.bytes.end());
  }
  return bytes;
}

StubCode EntryWrapperStub(Rva at, Rva original, const DeleteTask& task) {
  Assembler a(at);
  EmitDetachTest(a, [&] { a.Relative(0xe9, "jmp #", original); });
  // Each push moves the stack by 4, so the next argument down is again at 0Ch.
  for (int argument = 0; argument < 3; ++argument) {
    a.Plain({0xff, 0x74, 0x24, 0x0c}, "push [esp+#]");
  }
  a.Relative(0xe8, "call #", original);
  EmitDeletes(a, task);
  EmitReturn(a);
  return a.Finish();
}

ExitStub DetachExitStub(Rva at, const std::vector<MovedCode>& sites,
                        const DeleteTask& task) {
  // The last site falls through into the shared part; the others jump there.
  uint32_t moved_size = 0;
  for (const MovedCode& site : sites) {
    for (const Bytes& bytes : site.instructions) {
      moved_size += static_cast<uint32_t>(bytes.size());
    }
  }
  const uint32_t jumps = sites.empty() ? 0 : 5 * uint32_t(sites.size() - 1);
  const Rva shared = at + moved_size + jumps;
  ExitStub stub;
  Assembler a(at);
  for (size_t i = 0; i < sites.size(); ++i) {
    stub.entries.push_back(a.here());
    for (size_t k = 0; k < sites[i].instructions.size(); ++k) {
      a.Plain(sites[i].instructions[k], Skeleton(sites[i].texts[k]));
    }
    if (i + 1 < sites.size()) a.Relative(0xe9, "jmp #", shared);
  }
  assert(a.here() == shared);
  EmitDetachTest(a, [&] { EmitReturn(a); });
  EmitDeletes(a, task);
  EmitReturn(a);
  stub.code = a.Finish();
  return stub;
}

StubLine JumpLine(Rva from, Rva to) {
  Assembler a(from);
  a.Relative(0xe9, "jmp #", to);
  return a.Finish().front();
}

Result<std::vector<ListingLine>> ListCode(const StubCode& code,
                                          uint32_t image_base) {
  std::vector<ListingLine> listing;
  for (const StubLine& line : code) {
    const uint32_t size = static_cast<uint32_t>(line.bytes.size());
    CodeView view;
    view.machine = kMachineI386;
    view.image_base = image_base;
    view.image_size = line.rva.value + size;
    view.regions.push_back({line.rva, size, line.bytes, true, false});
    const Instruction decoded = Decode(view, line.rva);
    if (decoded.size != size || Skeleton(decoded.text) != line.text ||
        decoded.target != line.target) {
      return Error{"injected code at " + HexNumber(line.rva.value) + " is \"" +
                   line.text + "\", but decodes to \"" + decoded.text + "\""};
    }
    listing.push_back({line.rva, line.bytes, decoded.text});
  }
  return listing;
}

}  // namespace detachfix
