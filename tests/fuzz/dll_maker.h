// SPDX-License-Identifier: Apache-2.0
// Descriptions of DLLs from fuzz input: an entry that dispatches on fdwReason,
// initialises and deletes sections, calls helpers, guards; in images of every
// layout that the PE builder makes. Random bytes seldom get as far as a plan;
// these do, so that the write side is fuzzed too.
#ifndef DETACHFIX_TESTS_FUZZ_DLL_MAKER_H_
#define DETACHFIX_TESTS_FUZZ_DLL_MAKER_H_

#include <string>

#include "tests/fuzz/choices.h"
#include "tests/support/pe_builder.h"

namespace detachfix::fuzz {

/// The content of `.text` in the language of pe_builder.h, with the label
/// "entry". Uses what MakeDll imports, and the first 0x100 bytes of `.data`.
std::string MakeCode(Choices& choices);

/// A description with such code. BuildPe may refuse it.
test::PeSpec MakeDll(Choices& choices);

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_DLL_MAKER_H_
