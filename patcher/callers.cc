// SPDX-License-Identifier: Apache-2.0
#include "patcher/callers.h"

#include <algorithm>
#include <span>
#include <utility>

#include "disasm/isa.h"
#include "patcher/bytes.h"

namespace detachfix {
namespace {

/// Instructions between an argument and its call.
constexpr int kMaxBetween = 12;
/// How far before a call through a register its target may be loaded, in bytes.
constexpr uint32_t kMaxLoadedBefore = 256;
/// The same where the argument stays in a register from call to call.
constexpr int kMaxPreserved = 40;
/// What to look for that costs, in instructions.
constexpr size_t kLoadedCost = 16;

/// Zeros are no instruction of a compiler's ("add [eax], al"): they are the
/// upper part of a number, which is stored in what was taken for an argument
/// (c7 05, "mov [address], number").
bool IsNoCode(std::span<const uint8_t> bytes) {
  return bytes.size() == 2 && bytes[0] == 0 && bytes[1] == 0;
}

}  // namespace

Callers::Callers(const CodeView& view, bool (*is)(ApiEffect),
                 std::string_view part)
    : view_(view) {
  for (const auto& [slot, import] : view_.import_slots) {
    // To look up every import takes longer than all the rest.
    if (NameOf(import).find(part) == std::string_view::npos) continue;
    if (is(EffectOf(import))) slots_.insert(slot);
  }
}

FunctionBody Callers::BodyOf(Rva function) {
  FunctionBody body = DecodeFunction(view_, function);
  decoded_ += body.instructions.size();
  return body;
}

/// Whether a slot of one of the imports is named shortly before `call`.
bool Callers::MayHaveLoaded(Rva call) {
  decoded_ += kLoadedCost;
  const auto region =
      std::ranges::find_if(view_.regions, [call](const CodeRegion& r) {
        return call.value - r.begin.value < r.size;
      });
  if (region == view_.regions.end()) return true;
  const Rva begin{call.value -
                  std::min(call.value - region->begin.value, kMaxLoadedBefore)};
  const std::span<const uint8_t> bytes =
      ContentAt(view_, begin, call.value - begin.value);
  const ByteReader reader(bytes);
  for (uint32_t at = 0; at + 4 <= bytes.size(); ++at) {
    const Rva slot{reader.U32(at).value_or(0) - view_.image_base};
    if (slots_.contains(slot)) return true;
  }
  return false;
}

bool Callers::GoesThere(const Instruction& instruction, int depth) {
  if (instruction.slot) return slots_.contains(*instruction.slot);
  if (instruction.target) return Calls(*instruction.target, depth);
  return MayHaveLoaded(instruction.rva);
}

bool Callers::Calls(Rva function, int depth) {
  if (depth == 0) return false;
  if (IsSpent()) return true;
  Known& known = known_[function];
  if (depth >= known.makes_within) return true;
  if (depth <= known.makes_none_within) return false;
  // So that what calls itself comes to an end.
  const int none_before = std::exchange(known.makes_none_within, depth);
  const FunctionBody body = BodyOf(function);
  const bool calls = std::ranges::any_of(
      body.instructions, [&](const Instruction& instruction) {
        const bool leaves =
            instruction.flow == Flow::kCall ||
            (instruction.flow == Flow::kJump && !instruction.target);
        return leaves && GoesThere(instruction, depth - 1);
      });
  if (calls) {
    known = {.makes_within = depth, .makes_none_within = none_before};
  }
  return calls;
}

/// Whether the address that ends at `after` was moved to EBX, EBP, ESI or EDI,
/// which functions preserve (b8+r, SDM volume 2, "MOV").
bool Callers::IsPreserved(Rva after) const {
  constexpr uint32_t kSize = 5;
  if (after.value < kSize) return false;
  const std::span<const uint8_t> code =
      ContentAt(view_, Rva{after.value - kSize}, 1);
  return !code.empty() &&
         (code[0] == 0xbb || (code[0] >= 0xbd && code[0] <= 0xbf));
}

bool Callers::LeadsThere(Rva after, int depth) {
  const bool stays = depth > 1 && IsPreserved(after);
  Rva rva = after;
  for (int i = 0; i < (stays ? kMaxPreserved : kMaxBetween); ++i) {
    ++decoded_;
    if (IsSpent()) return true;
    if (IsNoCode(ContentAt(view_, rva, 2))) return false;
    const Instruction instruction = Decode(view_, rva);
    switch (instruction.flow) {
      case Flow::kCall:
        if (GoesThere(instruction, depth)) return true;
        if (!stays) return false;
        rva = rva + instruction.size;
        break;
      case Flow::kJump:
        return GoesThere(instruction, depth);
      case Flow::kReturn:
      case Flow::kStop:
      case Flow::kUnknown:
        return false;
      default:
        rva = rva + instruction.size;
    }
  }
  return false;
}

void Callers::AddCode(Rva function, std::set<Rva>& to, int depth) {
  if (depth == 0 || IsSpent() || !to.insert(function).second) {
    return;
  }
  const FunctionBody body = BodyOf(function);
  for (const Instruction& instruction : body.instructions) {
    to.insert(instruction.rva);
    if (instruction.flow == Flow::kCall && instruction.target) {
      AddCode(*instruction.target, to, depth - 1);
    }
  }
}

}  // namespace detachfix
