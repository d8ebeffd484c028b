// SPDX-License-Identifier: Apache-2.0
// Small DLLs that initialise a critical section on attach and never delete it.
#ifndef DETACHFIX_TESTS_SUPPORT_LEAKY_IMAGE_H_
#define DETACHFIX_TESTS_SUPPORT_LEAKY_IMAGE_H_

#include "patcher/diagnosis.h"
#include "tests/support/pe_builder.h"

namespace detachfix::test {

/// RVA of the section that LeakySpec's entry initialises: ".data+0x10".
inline constexpr uint32_t kLeakedOffset = 0x10;

/// `.text`, `.data`, `.idata`, `.reloc`, each in less than 0x200 bytes. The
/// entry at "entry" has one exit, "out", of `xor eax, eax; inc eax; ret 0Ch`:
/// room for a jump. Imports InitializeCriticalSection and one more function.
PeSpec LeakySpec();

/// LeakySpec, with DeleteCriticalSection among its imports.
PeSpec LeakySpecWithDelete();

/// An image whose entry only starts the CLR, and that names the place `native`
/// as the entry of its native code: "entry", which leaks, or "nothing".
/// `flags` are four bytes (IMAGE_COR20_HEADER, corhdr.h).
PeSpec ClrSpec(const std::string& native, const std::string& flags);

/// The code of LeakySpec's `.text` with `exit` in place of what follows "out:".
std::string LeakyCode(const std::string& exit);

/// A diagnosis that says `image` leaks `section`, with traces in which each of
/// the five runs ends at `ret`, balanced and with its arguments intact.
Diagnosis LeakAt(Rva section, Rva ret);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_LEAKY_IMAGE_H_
