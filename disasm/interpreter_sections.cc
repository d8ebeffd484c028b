// SPDX-License-Identifier: Apache-2.0
// What imports do to critical sections.

#include <algorithm>

#include "disasm/interpreter.h"

namespace detachfix {
namespace {

/// Whether one that is alive and has one of `size` bytes from `address` on
/// `is` what is looked for.
template <typename Is>
bool AnyLiveIn(const SectionMap::Map& sections, MemoryAddress address,
               int64_t size, Is is) {
  const int64_t before = int64_t{kCriticalSectionSize} - 1;
  const auto begin =
      sections.lower_bound({address.region, address.offset - before});
  const auto end =
      sections.upper_bound({address.region, address.offset + size - 1});
  return std::any_of(begin, end, [&](const auto& entry) {
    return entry.second.live && is(entry.first);
  });
}

}  // namespace

/// A critical section that covers a part of another one that is alive: what
/// becomes of either cannot be said.
void Interpreter::NoteOverlap(const State& state, MemoryAddress address) {
  const auto is_other = [&](MemoryAddress other) { return other != address; };
  if (AnyLiveIn(state.sections.all(), address, kCriticalSectionSize,
                is_other)) {
    Incomplete("a critical section covers a part of another at " + Site());
  }
}

/// What may be in one that is alive is found there before its deletion alone.
void Interpreter::NoteRead(const State& state, const Value& pointer,
                           uint32_t size) {
  if (log_->reads_section_at) return;
  const SectionMap::Map& sections = state.sections.all();
  const std::optional<MemoryAddress> address = AddressOf(pointer);
  const bool may_be =
      address ? AnyLiveIn(sections, *address, size,
                          [](MemoryAddress) { return true; })
              : pointer.MayBeInImage() &&
                    std::ranges::any_of(sections, [](const auto& entry) {
                      return entry.second.live;
                    });
  if (may_be) log_->reads_section_at = site_;
}

/// Where a critical section lies; nothing when that is not known. One in the
/// image is known by its address alone.
std::optional<MemoryAddress> Interpreter::SectionAt(const Value& pointer) {
  if (!pointer.IsConstant() && pointer.MayBeInImage()) return std::nullopt;
  return AddressOf(pointer);
}

void Interpreter::InitialiseSection(State& state, ApiEffect effect,
                                    const Api& api) {
  const std::optional<MemoryAddress> address = SectionAt(Argument(state, 0));
  Value& result = state.at(isa_.convention().result);
  const bool may_fail = effect != ApiEffect::kInitialiseSection;
  if (may_fail && setting_ == Setting::kMemory) log_->assumes_memory = true;
  if (may_fail && setting_ == Setting::kAny) {
    // The other outcome: it failed, and there is no section.
    GiveInstead(state, api,
                effect == ApiEffect::kInitialiseSectionOrZero
                    ? ConstantValue(0)
                    : Fresh(state, true));
  }
  const bool says_true = setting_ == Setting::kOrdinary;
  result = effect == ApiEffect::kInitialiseSectionOrStatus ? ConstantValue(0)
           : effect != ApiEffect::kInitialiseSectionOrZero ? Fresh(state)
           : says_true                                     ? ConstantValue(1)
                                                           : Fresh(state, true);
  if (!address) {
    Incomplete(
        "initialises a critical section at an address that is not "
        "known at " +
        Site());
    return;
  }
  NoteOverlap(state, *address);
  SectionState& section = state.sections.Change()[*address];
  const uint64_t rva =
      static_cast<uint64_t>(address->offset) - view_.image_base;
  if (section.live && address->region == kAbsolute && rva < view_.image_size) {
    // One of the two stays whatever becomes of the other.
    Incomplete("initialises a critical section that is there already at " +
               Site());
  }
  if (!section.live) section.initialised_at.clear();
  section.live = true;
  section.initialised_at.insert(site_);
  state.memory.Forget(*address, kCriticalSectionSize);
  // DebugInfo, the first word, points to what InitializeCriticalSection
  // allocated.
  state.memory.Store(*address, 4, Fresh(state, true));
}

void Interpreter::InitialiseResource(State& state, const Api& api) {
  constexpr uint32_t kResourceSize = 56;  // RTL_RESOURCE of i386 and Alpha
  if (const std::optional<MemoryAddress> at = SectionAt(Argument(state, 0))) {
    state.memory.Forget(*at, kResourceSize);
  }
  InitialiseSection(state, ApiEffect::kInitialiseSection, api);
}

void Interpreter::DeleteSection(State& state) {
  const std::optional<MemoryAddress> address = SectionAt(Argument(state, 0));
  // A pointer from elsewhere may well be one to a section in the image.
  const bool known = address && (address->region < kFirstHiddenSymbol ||
                                 state.sections.all().contains(*address));
  if (!known) {
    Incomplete(
        "deletes a critical section at an address that is not known "
        "at " +
        Site());
    return;
  }
  NoteOverlap(state, *address);
  SectionState& section = state.sections.Change()[*address];
  section.live = false;
  section.deleted_at.insert(site_);
  // RtlDeleteCriticalSection clears the structure (ReactOS,
  // sdk/lib/rtl/critical.c).
  for (uint32_t i = 0; i < kCriticalSectionSize; i += 4) {
    state.memory.Store({address->region, address->offset + i}, 4,
                       ConstantValue(0));
  }
}

/// LockCount, RecursionCount, OwningThread and LockSemaphore change (winnt.h).
void Interpreter::UseSection(State& state) const {
  constexpr int64_t kLockCount = 4;
  constexpr uint32_t kSize = 16;
  const std::optional<MemoryAddress> section = SectionAt(Argument(state, 0));
  if (!section) return;
  state.memory.Forget({section->region, section->offset + kLockCount}, kSize);
}

}  // namespace detachfix
