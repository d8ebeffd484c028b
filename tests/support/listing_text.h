// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_TESTS_SUPPORT_LISTING_TEXT_H_
#define DETACHFIX_TESTS_SUPPORT_LISTING_TEXT_H_

#include <cstdint>
#include <string>

#include "patcher/stub.h"

namespace detachfix::test {

/// `code` for `machine` as our own decoder prints it, "0x1e25 53 | push ebx"
/// a line, in an image at 0x77a80000; or why it does not decode back.
std::string ListingText(const StubCode& code, uint16_t machine);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_LISTING_TEXT_H_
