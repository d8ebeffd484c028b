// SPDX-License-Identifier: Apache-2.0
#include "tests/support/listing_text.h"

#include "patcher/hex_text.h"

namespace detachfix::test {

std::string ListingText(const StubCode& code, uint16_t machine) {
  const Result<std::vector<ListingLine>> listing =
      ListCode(code, machine, 0x77a80000);
  if (!listing) return listing.error().message;
  std::string text;
  for (const ListingLine& line : *listing) {
    text += HexNumber(line.rva.value) + " " + HexBytes(line.bytes, " ") +
            " | " + line.text + "\n";
  }
  return text;
}

}  // namespace detachfix::test
