// SPDX-License-Identifier: Apache-2.0
// Where a jump through a table leads whose index is not known. An i386 reads
// the table as it jumps; other machines compute the address of the entry, load
// it and jump, in instructions that stand close together.

#include <algorithm>
#include <map>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// A jump table has at most so many entries here.
constexpr size_t kMaxTableTargets = 256;
/// So many instructions before a jump its table is looked for.
constexpr uint32_t kMaxInstructions = 16;

/// What is known of a place without running the code: a number, or a number and
/// something that is not known, or what was read from the table there.
struct Part {
  uint64_t number = 0;
  bool has_index = false;
  bool was_read = false;
};

/// The places in a run of instructions, one after the other.
class Parts {
 public:
  /// False where the code does not go on behind the operation.
  bool Do(const Op& op) {
    if (const Assign* assign = std::get_if<Assign>(&op)) {
      Set(assign->dst, Of(assign->src));
    } else if (const SignExtend* extend = std::get_if<SignExtend>(&op)) {
      Set(extend->dst, Of(extend->src));
    } else if (const Binary* binary = std::get_if<Binary>(&op)) {
      Set(binary->dst, binary->op == BinaryOp::kAdd
                           ? Sum(Of(binary->a), Of(binary->b))
                           : std::nullopt);
    } else if (const Load* load = std::get_if<Load>(&op)) {
      Set(load->dst, Read(Of(load->address), load->size));
    } else if (const Choose* choose = std::get_if<Choose>(&op)) {
      Set(choose->dst, std::nullopt);
    } else if (const Forget* forget = std::get_if<Forget>(&op)) {
      Set(forget->dst, std::nullopt);
    } else {
      return std::holds_alternative<Store>(op) ||
             std::holds_alternative<Branch>(op);
    }
    return true;
  }

  std::optional<Part> Of(const Operand& operand) const {
    if (const uint64_t* number = std::get_if<uint64_t>(&operand)) {
      return Part{*number};
    }
    const auto it = parts_.find(std::get<Place>(operand));
    if (it == parts_.end()) return std::nullopt;
    return it->second;
  }

  void Clear() { parts_.clear(); }

 private:
  static std::optional<Part> Sum(std::optional<Part> a, std::optional<Part> b) {
    if (!a && !b) return std::nullopt;
    if ((a && a->was_read) || (b && b->was_read)) return std::nullopt;
    const bool has_index = !a || !b || a->has_index || b->has_index;
    return Part{(a ? a->number : 0) + (b ? b->number : 0), has_index};
  }
  static std::optional<Part> Read(std::optional<Part> address, uint32_t size) {
    if (size != 4 || !address || !address->has_index || address->was_read) {
      return std::nullopt;
    }
    return Part{address->number, true, true};
  }
  void Set(Place place, const std::optional<Part>& part) {
    if (part) {
      parts_[place] = *part;
    } else {
      parts_.erase(place);
    }
  }

  std::map<Place, Part> parts_;
};

/// The table whose entry the instructions before `jump`, and those of the jump,
/// read into `target`.
std::optional<uint64_t> TableBefore(const CodeView& view, const Isa& isa,
                                    Rva jump, uint32_t size, Place target) {
  Parts parts;
  const uint32_t before = std::min(kMaxInstructions, jump.value / size);
  for (uint32_t i = before; i > 0; --i) {
    for (const Op& op : isa.Lift(view, Rva{jump.value - i * size}).ops) {
      if (parts.Do(op)) continue;
      parts.Clear();
      break;
    }
  }
  for (const Op& op : isa.Lift(view, jump).ops) {
    if (!parts.Do(op)) break;
  }
  const std::optional<Part> read = parts.Of(target);
  if (!read || !read->was_read) return std::nullopt;
  return read->number & LowBits(32);
}

}  // namespace

/// The words from `table` on that are addresses of code, and those before it
/// where it lies in the code: the index may be negative there, and the first
/// word that of another instruction (memcpy of Visual C++'s C runtime). Tables
/// beside it are taken for a part of it: that adds paths, and loses none.
/// The jump itself, which ends at `end`, may stand right before it.
std::vector<Value> Interpreter::CodeAddressesAt(uint64_t table,
                                                uint64_t end) const {
  const Memory initial(view_);
  std::vector<Value> found;
  const auto take = [&](int64_t index) {
    const Value entry =
        initial.Load({kAbsolute, static_cast<int64_t>(table) + index * 4}, 4);
    if (!entry.IsConstant() || !IsCode(entry.bits)) return false;
    if (std::ranges::find(found, entry) == found.end()) found.push_back(entry);
    return true;
  };
  const bool is_in_code = IsCode(table);
  const bool has_first = take(0);
  if (!has_first && !is_in_code) return found;
  for (size_t i = 1; i < kMaxTableTargets; ++i) {
    if (!take(static_cast<int64_t>(i))) break;
  }
  if (!is_in_code) return found;
  for (uint64_t i = 1; i < kMaxTableTargets; ++i) {
    const uint64_t at = table - i * 4;
    if (at < end && table >= end) break;
    if (!take(-static_cast<int64_t>(i))) break;
  }
  return found;
}

/// The targets of a jump through a table whose index is not known.
std::vector<Value> Interpreter::TableTargets(uint64_t va, const Jump& op) {
  const Place* target = std::get_if<Place>(&op.target);
  if (target == nullptr) return {};
  if (const uint32_t size = isa_.convention().instruction_size; size != 0) {
    const std::optional<uint64_t> table = TableBefore(
        view_, isa_, Rva{static_cast<uint32_t>(va) - view_.image_base}, size,
        *target);
    if (!table) return {};
    return CodeAddressesAt(*table, va + size);
  }
  std::optional<Place> address;
  std::optional<uint64_t> table;
  for (const Op& part : Fetch(va).lifted.ops) {
    if (const Load* load = std::get_if<Load>(&part)) {
      const Place* from = std::get_if<Place>(&load->address);
      if (load->dst == *target && from != nullptr) address = *from;
    } else if (const Binary* add = std::get_if<Binary>(&part)) {
      if (add->op != BinaryOp::kAdd) continue;
      for (const Operand* operand : {&add->a, &add->b}) {
        const uint64_t* base = std::get_if<uint64_t>(operand);
        if (base != nullptr) table = *base;
      }
    }
  }
  if (!address || !table) return {};
  return CodeAddressesAt(*table, va + Fetch(va).lifted.instruction.size);
}

}  // namespace detachfix
