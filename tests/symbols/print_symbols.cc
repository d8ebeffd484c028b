// SPDX-License-Identifier: Apache-2.0
// Prints what a .dbg file names in an image: print_symbols IMAGE DBG. A line
// each: RVA, F for a function or - for another place, name.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "patcher/hex_text.h"
#include "patcher/symbol_names.h"

namespace {

std::vector<uint8_t> Content(const char* path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

int Fail(const std::string& message) {
  std::fprintf(stderr, "print_symbols: %s\n", message.c_str());
  return 1;
}

int Run(const char* image, const char* dbg) {
  using namespace detachfix;
  const Result<ReadPe> read = ReadPeImage(Content(image));
  if (!read) return Fail(read.error().message);
  if (!read->image) return Fail(read->other->text);
  const Result<DebugFile> file = ReadDebugFile(Content(dbg));
  if (!file) return Fail(file.error().message);
  const Result<void> same = CheckSameImage(*file, *read->image);
  if (!same) return Fail(same.error().message);
  const Result<SymbolNames> names = PlaceSymbols(*file, *read->image);
  if (!names) return Fail(names.error().message);
  for (const auto& [rva, symbol] : *names) {
    std::printf("%s %c %s\n", HexNumber(rva.value).c_str(),
                symbol.names_function ? 'F' : '-', symbol.name.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return Fail("usage: print_symbols IMAGE DBG");
  try {
    return Run(argv[1], argv[2]);
  } catch (const std::exception& error) {  // out of memory
    return Fail(error.what());
  }
}
