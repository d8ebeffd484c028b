// SPDX-License-Identifier: Apache-2.0
// A PE file with a bit of everything, and what ReadPeImage says of a file.
#ifndef DETACHFIX_TESTS_SUPPORT_READ_BUILT_H_
#define DETACHFIX_TESTS_SUPPORT_READ_BUILT_H_

#include <ostream>
#include <string>
#include <vector>

#include "patcher/pe_image.h"
#include "tests/support/pe_builder.h"

namespace detachfix::test {

/// Sections .text 0x1000, .data 0x2000, .idata 0x3000, .edata 0x4000, .rdata
/// 0x5000, .rsrc 0x6000, .reloc 0x7000, each with 0x200 file bytes from 0x400
/// on; then the debug record at 0x1200 and a certificate at 0x1310.
PeSpec FullSpec();

/// The image; a failed read fails the test and gives an empty image.
PeImage MustRead(const PeSpec& spec);
PeImage MustRead(std::vector<uint8_t> bytes);

/// The message of the failed read, or "no error".
std::string ErrorOf(std::vector<uint8_t> bytes);

/// FullSpec with one field overridden, and the message that it must give.
struct BrokenField {
  std::string field;
  uint32_t value = 0;
  std::string message;
};
std::ostream& operator<<(std::ostream& out, const BrokenField& row);

/// Expects each row's message, one trace a row.
void ExpectMessages(const std::vector<BrokenField>& rows);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_READ_BUILT_H_
