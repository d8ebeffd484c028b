// SPDX-License-Identifier: Apache-2.0
// An address that code passes on is the last part of an instruction: of a push,
// of a mov to a register or to the stack, of a lea. So what follows the four
// bytes is the next instruction, wherever this one begins.
#include "patcher/other_deletes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "disasm/api.h"
#include "disasm/instruction.h"
#include "disasm/isa.h"
#include "patcher/bytes.h"

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
/// The longest i386 instruction (SDM volume 2, section 2.3.11).
constexpr uint32_t kMaxInstruction = 15;
/// How far before it the object may begin that has the section as a member.
constexpr uint32_t kMaxMemberOffset = 64;
/// Words of data that point to it, or shortly before, and are looked for in
/// turn: a table has one for each.
constexpr size_t kMaxPointers = 8;
/// Instructions between an argument and its call.
constexpr int kMaxBetween = 12;
/// Calls down from there to the one that deletes.
constexpr int kMaxDepth = 3;
/// Instructions that are decoded for one section: a tenth of a second and more.
/// Beyond, whatever may delete is taken to.
constexpr size_t kMaxDecoded = 100'000;
/// How far before a call through a register its target may be loaded.
constexpr uint32_t kMaxLoadedBefore = 256;
/// What to look for that costs, in instructions.
constexpr size_t kLoadedCost = 16;

class Search {
 public:
  Search(const PeImage& image, const EntryTraces& traces);

  std::optional<Rva> Run(Rva section);

 private:
  std::optional<Rva> SearchCode(uint32_t last);
  std::optional<Rva> SearchRegion(Rva begin, std::span<const uint8_t> bytes,
                                  uint32_t first);
  std::vector<uint32_t> PointersTo(uint32_t last) const;
  bool MayDelete(Rva operand);
  bool EndsOneOf(const std::set<Rva>& instructions, Rva operand) const;
  bool WasRun(Rva operand) const;
  bool IsVisited(Rva instruction) const;
  bool IsCode(Rva rva) const;
  std::optional<Rva> SearchPassed();
  void Add(Rva function, int depth, std::set<Rva>& to);
  void AddExported();
  void AddCalled();
  bool IsExported(Rva operand);
  bool LeadsToDelete(Rva after);
  bool Deletes(Rva function, int depth);
  bool GoesToDelete(const Instruction& instruction, int depth);
  bool MayHaveLoaded(Rva call);
  FunctionBody BodyOf(Rva function);

  const PeImage& image_;
  const CodeView view_;
  const std::array<const Trace*, 5> runs_;
  std::set<Rva> exported_;  ///< instructions of exports and what they call
  std::set<Rva> called_;    ///< of what was run, and of what that may call
  std::set<Rva> slots_;     ///< of functions that delete
  std::map<Rva, bool> known_;
  size_t decoded_ = 0;  ///< instructions
};

FunctionBody Search::BodyOf(Rva function) {
  FunctionBody body = DecodeFunction(view_, function);
  decoded_ += body.instructions.size();
  return body;
}

Search::Search(const PeImage& image, const EntryTraces& traces)
    : image_(image),
      view_(MakeCodeView(image)),
      runs_{&traces.attach, &traces.detach, &traces.process_exit,
            &traces.thread_attach, &traces.thread_detach} {
  for (const auto& [slot, import] : view_.import_slots) {
    // To look up every import takes longer than all the rest.
    if (import.name.find("Delete") == std::string::npos) continue;
    if (EffectOf(import) == ApiEffect::kDeleteSection) {
      slots_.insert(slot);
    }
  }
}

/// Whether the four bytes at `operand` end one of the instructions.
bool Search::EndsOneOf(const std::set<Rva>& instructions, Rva operand) const {
  const Rva first{operand.value - std::min(operand.value, kMaxInstruction - 4)};
  for (auto it = instructions.lower_bound(first);
       it != instructions.end() && *it < operand; ++it) {
    if (*it + Decode(view_, *it).size == operand + 4) return true;
  }
  return false;
}

/// Whether a run went through the instruction that the four bytes end.
bool Search::WasRun(Rva operand) const {
  return std::ranges::any_of(runs_, [&](const Trace* run) {
    return EndsOneOf(run->visited, operand);
  });
}

bool Search::IsVisited(Rva instruction) const {
  return std::ranges::any_of(runs_, [&](const Trace* run) {
    return run->visited.contains(instruction);
  });
}

bool Search::IsCode(Rva rva) const {
  return std::ranges::any_of(view_.regions, [rva](const CodeRegion& region) {
    return region.executable && rva.value >= region.begin.value &&
           rva.value - region.begin.value < region.size;
  });
}

/// Where code that was run names a function that was not, so that others may
/// run it, as the procedure of a window, and that deletes some section: it may
/// get this one as an argument.
std::optional<Rva> Search::SearchPassed() {
  for (const Trace* run : runs_) {
    for (const Rva rva : run->visited) {
      const Instruction instruction = Decode(view_, rva);
      if (instruction.flow != Flow::kNext || instruction.size <= 4) continue;
      const Rva operand = rva + (instruction.size - 4u);
      const uint32_t va =
          ByteReader(ContentAt(view_, operand, 4)).U32(0).value_or(0);
      const Rva function{va - view_.image_base};
      if (!IsCode(function) || IsVisited(function)) continue;
      if (Deletes(function, kMaxDepth)) return operand;
    }
  }
  return std::nullopt;
}

/// Whether a slot of a function that deletes is named shortly before `call`.
bool Search::MayHaveLoaded(Rva call) {
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

bool Search::GoesToDelete(const Instruction& instruction, int depth) {
  if (instruction.slot) return slots_.contains(*instruction.slot);
  if (instruction.target) return Deletes(*instruction.target, depth);
  return MayHaveLoaded(instruction.rva);
}

bool Search::Deletes(Rva function, int depth) {
  if (depth == 0) return false;
  if (decoded_ > kMaxDecoded) return true;
  const auto [known, is_new] = known_.emplace(function, false);
  if (!is_new) return known->second;
  const FunctionBody body = BodyOf(function);
  const bool deletes = std::ranges::any_of(
      body.instructions, [&](const Instruction& instruction) {
        const bool leaves =
            instruction.flow == Flow::kCall ||
            (instruction.flow == Flow::kJump && !instruction.target);
        return leaves && GoesToDelete(instruction, depth - 1);
      });
  known_[function] = deletes;
  return deletes;
}

/// Whether the first call from `after` on deletes.
bool Search::LeadsToDelete(Rva after) {
  Rva rva = after;
  for (int i = 0; i < kMaxBetween; ++i) {
    if (++decoded_ > kMaxDecoded) return true;
    const Instruction instruction = Decode(view_, rva);
    switch (instruction.flow) {
      case Flow::kCall:
      case Flow::kJump:
        return GoesToDelete(instruction, kMaxDepth);
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

/// The code of `function`, and of what it calls.
void Search::Add(Rva function, int depth, std::set<Rva>& to) {
  if (depth == 0 || decoded_ > kMaxDecoded || !to.insert(function).second) {
    return;
  }
  const FunctionBody body = BodyOf(function);
  for (const Instruction& instruction : body.instructions) {
    to.insert(instruction.rva);
    if (instruction.flow == Flow::kCall && instruction.target) {
      Add(*instruction.target, depth - 1, to);
    }
  }
}

void Search::AddExported() {
  for (const ExportedFunction& function : image_.exports) {
    if (function.rva.value != 0 && function.rva != image_.entry_point) {
      Add(function.rva, kMaxDepth, exported_);
    }
  }
}

void Search::AddCalled() {
  Add(image_.entry_point, kMaxDepth, called_);
  for (const Trace* run : runs_) {
    for (const Rva rva : run->visited) {
      const Instruction instruction = Decode(view_, rva);
      if (instruction.flow != Flow::kCall || !instruction.target) continue;
      Add(*instruction.target, kMaxDepth, called_);
    }
  }
}

/// Whether the instruction that the four bytes at `operand` end is run by
/// exports alone: nothing that was run calls it, whatever way it goes. (gcc's
/// linker exports every function where nobody says which.)
bool Search::IsExported(Rva operand) {
  if (exported_.empty()) AddExported();
  if (!EndsOneOf(exported_, operand)) return false;
  if (called_.empty()) AddCalled();
  return !EndsOneOf(called_, operand);
}

std::optional<Rva> Search::Run(Rva section) {
  if (slots_.empty()) return std::nullopt;
  const uint32_t last = view_.image_base + section.value;
  std::optional<Rva> at = SearchCode(last);
  if (at) return at;
  for (const uint32_t pointer : PointersTo(last)) {
    // Compilers take the first turn out of a loop, which begins one word on.
    at = SearchCode(pointer + kWord);
    if (at) return at;
  }
  return SearchPassed();
}

/// Where code that was not run names `last`, a virtual address, or one shortly
/// before it, and passes it on to what deletes.
std::optional<Rva> Search::SearchCode(uint32_t last) {
  const uint32_t first = last - kMaxMemberOffset;
  for (const CodeRegion& region : view_.regions) {
    if (!region.executable) continue;
    const std::span<const uint8_t> bytes = ContentAt(
        view_, region.begin, static_cast<uint32_t>(region.content.size()));
    const std::optional<Rva> at = SearchRegion(region.begin, bytes, first);
    if (at) return at;
  }
  return std::nullopt;
}

/// The virtual addresses of the words that hold `last`, or an address shortly
/// before it, when the image is loaded: a linker aligns what it relocates.
std::vector<uint32_t> Search::PointersTo(uint32_t last) const {
  const uint32_t first = last - kMaxMemberOffset;
  std::vector<uint32_t> pointers;
  for (const CodeRegion& region : view_.regions) {
    if (region.executable) continue;
    const uint32_t size = static_cast<uint32_t>(
        std::min<uint64_t>(region.content.size(), region.size));
    const std::span<const uint8_t> bytes = ContentAt(view_, region.begin, size);
    const ByteReader reader(bytes);
    for (uint32_t at = 0; at + kWord <= bytes.size(); at += kWord) {
      if (reader.U32(at).value_or(0) - first > kMaxMemberOffset) continue;
      pointers.push_back(view_.image_base + region.begin.value + at);
      if (pointers.size() == kMaxPointers) return pointers;
    }
  }
  return pointers;
}

/// Where the four bytes that name an address from `first` on may end, which is
/// found by one byte of them: code is long. The highest tells most, unless it
/// is 0: of that there is much.
std::optional<Rva> Search::SearchRegion(Rva begin,
                                        std::span<const uint8_t> bytes,
                                        uint32_t first) {
  const uint32_t last = first + kMaxMemberOffset;
  const uint32_t place = last >> 24 != 0 ? 3 : 2;
  const std::set<uint8_t> wanted = {static_cast<uint8_t>(first >> 8 * place),
                                    static_cast<uint8_t>(last >> 8 * place)};
  for (const uint8_t byte : wanted) {
    for (size_t at = place; at < bytes.size(); ++at) {
      const void* found =
          std::memchr(bytes.data() + at, byte, bytes.size() - at);
      if (found == nullptr) break;
      at = static_cast<size_t>(static_cast<const uint8_t*>(found) -
                               bytes.data());
      const Rva operand = begin + static_cast<uint32_t>(at - place);
      const uint32_t va = ByteReader(bytes).U32(at - place).value_or(0);
      if (va - first <= kMaxMemberOffset && MayDelete(operand)) return operand;
    }
  }
  return std::nullopt;
}

/// Whether code that was not run has an instruction that ends with the four
/// bytes at `operand`, and passes them on to what deletes.
bool Search::MayDelete(Rva operand) {
  return !WasRun(operand) && LeadsToDelete(operand + 4) && !IsExported(operand);
}

}  // namespace

std::optional<Rva> FindOtherDelete(const PeImage& image,
                                   const EntryTraces& traces, Rva section) {
  if (image.machine != kMachineI386) {
    if (traces.setting == Setting::kOrdinary) return image.entry_point;
    return std::nullopt;
  }
  return Search(image, traces).Run(section);
}

}  // namespace detachfix
