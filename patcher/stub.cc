// SPDX-License-Identifier: Apache-2.0
#include "patcher/stub.h"

#include <cctype>

#include "disasm/instruction.h"
#include "patcher/hex_text.h"
#include "patcher/stub_alpha.h"
#include "patcher/stub_x86.h"

namespace detachfix {

const StubMaker* StubMakerFor(uint16_t machine) {
  if (machine == kMachineI386) return &X86Stubs();
  if (machine == kMachineAlpha) return &AlphaStubs();
  return nullptr;
}

uint32_t CodeSize(const StubCode& code) {
  uint32_t size = 0;
  for (const StubLine& line : code) {
    size += static_cast<uint32_t>(line.bytes.size());
  }
  return size;
}

Bytes CodeBytes(const StubCode& code) {
  Bytes bytes;
  for (const StubLine& line : code) {
    bytes.insert(bytes.end(), line.bytes.begin(), line.bytes.end());
  }
  return bytes;
}

std::string Skeleton(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "0x") != 0) {
      out.push_back(text[i]);
      continue;
    }
    if (!out.empty() && out.back() == '-') out.back() = '+';
    out.push_back('#');
    i += 1;
    while (i + 1 < text.size() &&
           std::isxdigit(static_cast<unsigned char>(text[i + 1]))) {
      ++i;
    }
  }
  return out;
}

Result<std::vector<ListingLine>> ListCode(const StubCode& code,
                                          uint16_t machine,
                                          uint32_t image_base) {
  std::vector<ListingLine> listing;
  for (const StubLine& line : code) {
    const uint32_t size = static_cast<uint32_t>(line.bytes.size());
    CodeView view;
    view.machine = machine;
    view.image_base = image_base;
    view.image_size = line.rva.value + size;
    view.regions.push_back({line.rva, size, line.bytes, true, false});
    const Instruction decoded = Disassemble(view, line.rva);
    if (decoded.size != size || Skeleton(decoded.text) != line.text ||
        decoded.target != line.target) {
      return Error{"injected code at " + HexNumber(line.rva.value) + " is \"" +
                   line.text + "\", but decodes to \"" + decoded.text + "\""};
    }
    listing.push_back({line.rva, line.bytes, decoded.text});
  }
  return listing;
}

}  // namespace detachfix
