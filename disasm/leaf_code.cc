// SPDX-License-Identifier: Apache-2.0
#include "disasm/leaf_code.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <variant>

#include "disasm/ir.h"

namespace detachfix {
namespace {

/// How many instructions are looked at.
constexpr size_t kMaxLooked = 256;

/// Finds an address of the image among what an operation reads.
class Names {
 public:
  explicit Names(const CodeView& view) : view_(view) {}

  bool operator()(const Assign& op) const { return Any({op.src}); }
  bool operator()(const Binary& op) const { return Any({op.a, op.b}); }
  bool operator()(const SignExtend& op) const { return Any({op.src}); }
  bool operator()(const Choose& op) const {
    return Any({op.cond, op.yes, op.no});
  }
  bool operator()(const Load& op) const { return Any({op.address}); }
  bool operator()(const Store& op) const {
    const Operand* value = std::get_if<Operand>(&op.value);
    return Any({op.address}) || (value != nullptr && Any({*value}));
  }
  bool operator()(const Branch& op) const { return Any({op.cond}); }
  // Where a jump leads to is looked at as code of the same function.
  template <typename Op>
  bool operator()(const Op&) const {
    return false;
  }

 private:
  bool Any(std::initializer_list<Operand> operands) const {
    return std::ranges::any_of(operands, [this](const Operand& operand) {
      const uint64_t* number = std::get_if<uint64_t>(&operand);
      return number != nullptr && *number - view_.image_base < view_.image_size;
    });
  }

  const CodeView& view_;
};

/// Whether one of the operations of an instruction writes elsewhere than at a
/// distance from the stack pointer.
bool WritesBeyondStack(const Lifted& lifted, Place stack_pointer) {
  std::set<Place> near_stack = {stack_pointer};
  const auto is_near = [&](const Operand& operand) {
    const Place* place = std::get_if<Place>(&operand);
    return place != nullptr && near_stack.contains(*place);
  };
  for (const Op& op : lifted.ops) {
    const Store* store = std::get_if<Store>(&op);
    if (store != nullptr && !is_near(store->address)) return true;
    const Place* changed = std::visit(
        [](const auto& change) -> const Place* {
          if constexpr (requires { change.dst; }) return &change.dst;
          return nullptr;
        },
        op);
    if (changed == nullptr) continue;
    const Binary* moved = std::get_if<Binary>(&op);
    const bool stays =
        moved != nullptr && is_near(moved->a) &&
        std::holds_alternative<uint64_t>(moved->b) &&
        (moved->op == BinaryOp::kAdd || moved->op == BinaryOp::kSub);
    if (stays) {
      near_stack.insert(*changed);
    } else {
      near_stack.erase(*changed);
    }
  }
  return !near_stack.contains(stack_pointer);
}

}  // namespace

bool ChangesNothing(const CodeView& view, const Isa& isa, Rva start) {
  for (const CodeRegion& region : view.regions) {
    const bool has = start.value - region.begin.value < region.size;
    if (has && region.writable) return false;  // it may be written over
  }
  const FunctionBody body = DecodeFunction(view, start);
  if (body.has_unknown || body.has_indirect_jump ||
      body.instructions.size() > kMaxLooked) {
    return false;
  }
  const Place stack_pointer = isa.convention().stack_pointer;
  return std::ranges::none_of(
      body.instructions, [&](const Instruction& instruction) {
        if (instruction.flow == Flow::kCall || instruction.slot) return true;
        const Lifted lifted = isa.Lift(view, instruction.rva);
        return WritesBeyondStack(lifted, stack_pointer) ||
               std::ranges::any_of(lifted.ops, [&](const Op& op) {
                 return std::holds_alternative<Unfollowable>(op) ||
                        std::holds_alternative<Call>(op) ||
                        std::visit(Names(view), op);
               });
      });
}

}  // namespace detachfix
