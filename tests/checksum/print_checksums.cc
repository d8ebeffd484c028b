// SPDX-License-Identifier: Apache-2.0
// Prints "CHECKSUM PATH" for each file named. With --build FOLDER it first
// writes there a few files of the builder's, so that they are compared too.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "patcher/pe_checksum.h"
#include "tests/support/pe_builder.h"

namespace {

using detachfix::test::BuildPe;
using detachfix::test::PeSpec;

std::vector<uint8_t> Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<PeSpec> Specs() {
  PeSpec plain;
  plain.sections = {{".text", "fill:3000:a7"}};
  PeSpec odd = plain;
  odd.overlay = {1, 2, 3};
  PeSpec full = odd;
  full.imports = {{"KERNEL32.dll", {"DeleteCriticalSection", "#7"}, 0x1234}};
  full.version = {{"OriginalFilename", "security.dll"}};
  full.debug_misc = "security.dbg";
  full.certificate.assign(1001, 0x5a);
  PeSpec wrong = full;
  wrong.overrides = {{"CheckSum", 0xdeadbeef}};
  return {plain, odd, full, wrong};
}

std::vector<std::string> WriteBuilt(const std::string& folder) {
  std::vector<std::string> paths;
  for (const PeSpec& spec : Specs()) {
    paths.push_back(folder + "/built-" + std::to_string(paths.size()) + ".dll");
    const std::vector<uint8_t> bytes = BuildPe(spec).bytes;
    std::ofstream out(paths.back(), std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  return paths;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--build" && i + 1 < argc) {
      const std::vector<std::string> built = WriteBuilt(argv[++i]);
      paths.insert(paths.end(), built.begin(), built.end());
    } else {
      paths.push_back(argv[i]);
    }
  }
  for (const std::string& path : paths) {
    const std::vector<uint8_t> bytes = Read(path);
    if (bytes.size() < 0x40) return 1;
    const uint32_t pe = bytes[0x3c] | static_cast<uint32_t>(bytes[0x3d]) << 8;
    // CheckSum is 64 bytes into the optional header, 24 behind "PE\0\0".
    std::printf("%08x %s\n",
                detachfix::PeChecksum(bytes, detachfix::FileOffset{pe + 88}),
                path.c_str());
  }
  return 0;
}
