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

#include "patcher/number_bytes.h"

namespace detachfix {
namespace {

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

  /// A short jump back to `target`.
  void Backward(uint8_t opcode, const std::string& text, Rva target) {
    const uint32_t distance = target.value - (here_.value + 2);
    assert(distance >= 0xffffff80);
    Plain({opcode, static_cast<uint8_t>(distance)}, text);
    code_.back().target = target;
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

/// Deletes the only section, if it exists.
void EmitDeleteOne(Assembler& a, Rva anchor, const DeleteTask& task) {
  a.Anchored({0x8d, 0x83}, "lea eax, [ebx+#]", anchor, task.sections.front());
  a.Plain({0x83, 0x38, 0x00}, "cmp dword ptr [eax], #");
  const size_t absent = a.Forward(0x74, "jz #");
  a.Plain({0x50}, "push eax");
  a.Anchored({0xff, 0x93}, "call [ebx+#]", anchor, task.slot);
  a.Bind(absent);
}

/// Deletes each of several sections that exists. Their distances from `anchor`
/// go onto the stack, above a 0 that ends them: 5 bytes for each section where
/// the code for one takes 18. No distance is 0, since `anchor` is code.
void EmitDeleteEach(Assembler& a, Rva anchor, const DeleteTask& task) {
  a.Plain({0x6a, 0x00}, "push #");
  for (auto section = task.sections.rbegin(); section != task.sections.rend();
       ++section) {
    a.Anchored({0x68}, "push #", anchor, *section);
  }
  const Rva next = a.here();
  a.Plain({0x58}, "pop eax");
  a.Plain({0x85, 0xc0}, "test eax, eax");
  const size_t done = a.Forward(0x74, "jz #");
  a.Plain({0x01, 0xd8}, "add eax, ebx");
  a.Plain({0x83, 0x38, 0x00}, "cmp dword ptr [eax], #");
  a.Backward(0x74, "jz #", next);
  a.Plain({0x50}, "push eax");
  a.Anchored({0xff, 0x93}, "call [ebx+#]", anchor, task.slot);
  a.Backward(0xeb, "jmp #", next);
  a.Bind(done);
}

/// Deletes each section that exists. Only ECX, EDX and the flags are lost.
void EmitDeletes(Assembler& a, const DeleteTask& task) {
  a.Plain({0x50}, "push eax");
  a.Plain({0x53}, "push ebx");
  a.Relative(0xe8, "call #", a.here() + 5);
  const Rva anchor = a.here();
  a.Plain({0x5b}, "pop ebx");
  if (task.sections.size() == 1) {
    EmitDeleteOne(a, anchor, task);
  } else {
    EmitDeleteEach(a, anchor, task);
  }
  a.Plain({0x5b}, "pop ebx");
  a.Plain({0x58}, "pop eax");
}

void EmitReturn(Assembler& a) { a.Plain({0xc2, 0x0c, 0x00}, "ret #"); }

class X86 final : public StubMaker {
 public:
  const HookRules& rules() const override;
  Result<Stub> DetachExit(Rva at, const std::vector<MovedCode>& sites,
                          const DeleteTask& task) const override;
  Result<Stub> EntryTail(Rva at, Rva original,
                         const DeleteTask& task) const override;
  Result<Stub> EntryWrapper(Rva at, Rva original,
                            const DeleteTask& task) const override;
  Result<StubLine> Jump(Rva from, Rva to) const override;
};

const HookRules& X86::rules() const {
  // The reach of a two-byte branch: 127 bytes behind it, 128 before.
  static const HookRules rules = {
      .kinds = {HookKind::kDetachExit, HookKind::kEntryTail,
                HookKind::kEntryWrapper},
      .code_alignment = 1,
      .jump_size = 5,
      .return_text = "ret 0x0C",
      .short_branch_reach = 130,
      .most_tail_sections = SIZE_MAX,
      .fillers = {{0x00}, {0x90}, {0xcc}},
  };
  return rules;
}

Result<Stub> X86::EntryWrapper(Rva at, Rva original,
                               const DeleteTask& task) const {
  Assembler a(at);
  EmitDetachTest(a, [&] { a.Relative(0xe9, "jmp #", original); });
  // Each push moves the stack by 4, so the next argument down is again at 0Ch.
  for (int argument = 0; argument < 3; ++argument) {
    a.Plain({0xff, 0x74, 0x24, 0x0c}, "push [esp+#]");
  }
  a.Relative(0xe8, "call #", original);
  EmitDeletes(a, task);
  EmitReturn(a);
  return Stub{a.Finish(), {at}, std::nullopt};
}

/// Goes to the entry in any case, for what it returns.
Result<Stub> X86::EntryTail(Rva at, Rva original,
                            const DeleteTask& task) const {
  Assembler a(at);
  EmitDetachTest(a, [&] { a.Relative(0xe9, "jmp #", original); });
  EmitDeletes(a, task);
  a.Relative(0xe9, "jmp #", original);
  return Stub{a.Finish(), {at}, std::nullopt};
}

Result<Stub> X86::DetachExit(Rva at, const std::vector<MovedCode>& sites,
                             const DeleteTask& task) const {
  // The last site falls through into the shared part; the others jump there.
  uint32_t moved_size = 0;
  for (const MovedCode& site : sites) {
    for (const Bytes& bytes : site.instructions) {
      moved_size += static_cast<uint32_t>(bytes.size());
    }
  }
  const uint32_t jumps = sites.empty() ? 0 : 5 * uint32_t(sites.size() - 1);
  const Rva shared = at + moved_size + jumps;
  Stub stub;
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

/// The five bytes `jmp rel32`.
Result<StubLine> X86::Jump(Rva from, Rva to) const {
  Assembler a(from);
  a.Relative(0xe9, "jmp #", to);
  return a.Finish().front();
}

}  // namespace

const StubMaker& X86Stubs() {
  static const X86 stubs;
  return stubs;
}

}  // namespace detachfix
