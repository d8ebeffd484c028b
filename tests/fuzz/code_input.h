// SPDX-License-Identifier: Apache-2.0
// Fuzz input as a mapped image: what the lifter's and the tracer's targets
// share. The first byte chooses the machine, the second how much of the rest is
// writable data; the rest is code, then data.
#ifndef DETACHFIX_TESTS_FUZZ_CODE_INPUT_H_
#define DETACHFIX_TESTS_FUZZ_CODE_INPUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "disasm/code_view.h"

namespace detachfix::fuzz {

inline constexpr uint32_t kCodeBase = 0x10000000;
inline constexpr Rva kCodeRva{0x1000};
inline constexpr Rva kDataRva{0x10000};
inline constexpr Rva kSlotsRva{0x20000};

/// The functions behind the slots at kSlotsRva, in order.
std::span<const ImportName> SlotNames();

/// The image; nothing when the input is too short or its machine has no
/// decoder. Points into `input`.
std::optional<CodeView> ViewOf(std::span<const uint8_t> input);

/// The input that ViewOf takes apart again, for seeds.
std::vector<uint8_t> MakeCodeInput(uint16_t machine,
                                   std::span<const uint8_t> code,
                                   std::span<const uint8_t> data);

/// `input` with Alpha as its machine.
std::vector<uint8_t> AsAlpha(std::span<const uint8_t> input);

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_CODE_INPUT_H_
