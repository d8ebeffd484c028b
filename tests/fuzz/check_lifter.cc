// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/check_lifter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "disasm/isa.h"
#include "tests/fuzz/code_input.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

void CheckPlace(Place place) {
  Require(place.id < kPlaceCount, "a place is one that the interpreter has");
}

void CheckOperand(const Operand& operand) {
  if (const auto* place = std::get_if<Place>(&operand)) CheckPlace(*place);
}

bool IsWidth(unsigned bits) { return bits >= 1 && bits <= 64; }

/// The operands of each operation, by what the interpreter relies on.
struct OpCheck {
  void operator()(const Assign& op) const {
    CheckPlace(op.dst);
    CheckOperand(op.src);
  }
  void operator()(const Binary& op) const {
    CheckPlace(op.dst);
    CheckOperand(op.a);
    CheckOperand(op.b);
    Require(IsWidth(op.width), "a width is 1 to 64 bits");
  }
  void operator()(const SignExtend& op) const {
    CheckPlace(op.dst);
    CheckOperand(op.src);
    Require(IsWidth(op.from) && IsWidth(op.to) && op.from <= op.to,
            "a sign extension extends");
  }
  void operator()(const Choose& op) const {
    CheckPlace(op.dst);
    for (const Operand& operand : {op.cond, op.yes, op.no}) {
      CheckOperand(operand);
    }
  }
  void operator()(const Load& op) const {
    CheckPlace(op.dst);
    CheckOperand(op.address);
    Require(op.size >= 1 && op.size <= 8, "a load fits a place");
  }
  void operator()(const Store& op) const {
    CheckOperand(op.address);
    if (const auto* value = std::get_if<Operand>(&op.value)) {
      CheckOperand(*value);
      Require(op.size >= 1 && op.size <= 8, "a known store comes from a place");
    }
  }
  void operator()(const Forget& op) const { CheckPlace(op.dst); }
  void operator()(const Branch& op) const { CheckOperand(op.cond); }
  void operator()(const Jump& op) const { CheckOperand(op.target); }
  void operator()(const Call& op) const { CheckOperand(op.target); }
  void operator()(const Return& op) const { CheckOperand(op.target); }
  void operator()(const Trap&) const {}
  void operator()(const Unfollowable& op) const {
    Require(!op.why.empty(), "what cannot be followed says why");
  }
};

void CheckAt(const CodeView& view, const Isa& isa, Rva rva) {
  const Instruction decoded = isa.Disassemble(view, rva);
  Require(decoded.rva == rva, "an instruction knows where it is");
  Require(decoded.size >= 1 && decoded.size <= 15,
          "an instruction has 1 to 15 bytes");
  Require(!decoded.text.empty(), "an instruction has a text");
  Require(std::ranges::none_of(decoded.text,
                               [](char c) { return c < 0x20 || c > 0x7e; }),
          "an instruction's text is printable");
  if (decoded.flow == Flow::kUnknown) {
    // objdump's ways: on i386 nothing stands there, on Alpha it is data.
    Require(decoded.text == "(bad)" || decoded.text.starts_with(".long 0x"),
            "what is unknown is printed so, not as", decoded.text);
  }
  Instruction without_text = decoded;
  without_text.text.clear();
  Require(isa.Decode(view, rva) == without_text,
          "it decodes to the same with and without its text:", decoded.text);
  const Lifted lifted = isa.Lift(view, rva);
  Require(lifted.instruction.size == decoded.size &&
              lifted.instruction.flow == decoded.flow &&
              lifted.instruction.target == decoded.target &&
              lifted.instruction.slot == decoded.slot,
          "Lift and Decode see the same instruction at", decoded.text);
  for (const Op& op : lifted.ops) {
    std::visit(OpCheck(), op);
    Require(!ToText(op).empty(), "every operation can be printed");
  }
}

}  // namespace

void CheckLifter(std::span<const uint8_t> input) {
  const std::optional<CodeView> view = ViewOf(input);
  if (!view) return;
  const Isa& isa = *IsaFor(view->machine);
  // Some bytes beyond the end: nothing stands there.
  for (uint32_t i = 0; i < view->regions[0].size + 4; ++i) {
    CheckAt(*view, isa, kCodeRva + i);
  }
  (void)DecodeFunction(*view, kCodeRva);
}

}  // namespace detachfix::fuzz
