// SPDX-License-Identifier: Apache-2.0
// Our listing at given places, for the comparison with objdump's:
//   print_listing FILE <ADDRESSES
// reads hexadecimal virtual addresses, one a line, and prints for each
// "ADDRESS SIZE TEXT".
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "disasm/instruction.h"
#include "patcher/pe_image.h"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  std::ifstream stream(argv[1], std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
  const detachfix::Result<detachfix::ReadPe> read =
      detachfix::ReadPeImage(std::move(bytes));
  if (!read || !read->image) {
    std::fprintf(stderr, "%s: not read\n", argv[1]);
    return 1;
  }
  const detachfix::CodeView view = detachfix::MakeCodeView(*read->image);
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto va = static_cast<uint32_t>(std::stoul(line, nullptr, 16));
    const detachfix::Instruction instruction =
        detachfix::Disassemble(view, detachfix::Rva{va - view.image_base});
    std::printf("%x %u %s\n", va, unsigned{instruction.size},
                instruction.text.c_str());
  }
  return 0;
}
