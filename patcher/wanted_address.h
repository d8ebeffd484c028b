// SPDX-License-Identifier: Apache-2.0
// The addresses by which code of an i386 may reach a critical section: its own,
// one shortly before it, and those of words of data that hold one.
#ifndef DETACHFIX_PATCHER_WANTED_ADDRESS_H_
#define DETACHFIX_PATCHER_WANTED_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "disasm/code_view.h"
#include "disasm/trace.h"

namespace detachfix {

/// How far before it the object may begin that has the section as a member.
inline constexpr uint32_t kMaxMemberOffset = 64;

/// An address that code may name to reach a critical section.
struct Wanted {
  uint32_t last = 0;  ///< virtual; or one up to kMaxMemberOffset before it
  Rva section;
};

/// Gives `look` the offset of each word that holds a wanted address, and which,
/// until it returns true. `wanted` is ascending.
void LookAtWords(std::span<const uint8_t> bytes,
                 const std::vector<Wanted>& wanted,
                 const std::function<bool(size_t, const Wanted&)>& look);

/// The words of data that hold a wanted address when the image is loaded, or
/// that one is stored in, by the runs or by what code has; each as what code
/// names. Compilers take the first turn out of a loop over such words, which
/// begins one on: so that is `last`. `wanted` is ascending, and so is what is
/// returned.
std::vector<Wanted> PointersTo(const CodeView& view, const EntryTraces& traces,
                               const std::vector<Wanted>& wanted);

/// The word that one of PointersTo stands for.
Rva HolderOf(const CodeView& view, const Wanted& pointer);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_WANTED_ADDRESS_H_
