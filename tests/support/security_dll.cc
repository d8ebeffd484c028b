// SPDX-License-Identifier: Apache-2.0
#include "tests/support/security_dll.h"

#include <stdexcept>
#include <string>

#include "patcher/pe_image.h"
#include "tests/support/leaky_image.h"

namespace detachfix::test {

namespace {

constexpr uint32_t kFileAlignment = 0x200;

/// Bytes between the content and the raw end of the section called `name`.
uint32_t Slack(const PeSpec& spec, const std::string& name) {
  const Result<ReadPe> read = ReadPeImage(BuildPe(spec).bytes);
  if (!read) throw std::logic_error(read.error().message);
  for (const Section& section : read->image->sections) {
    if (section.name == name) return section.raw_size - section.virtual_size;
  }
  throw std::logic_error("no section " + name);
}

/// Adds `size` zero bytes to section `index`; a comment may end its content.
void Grow(PeSpec& spec, size_t index, uint32_t size) {
  spec.sections[index].content += "\nzero:" + std::to_string(size);
}

}  // namespace

Bytes LeakingSecurityDll() { return BuildPe(LeakySpecWithDelete()).bytes; }

Bytes LeakingOtherDll() {
  PeSpec spec = LeakySpecWithDelete();
  spec.export_name = "OTHER.dll";
  return BuildPe(spec).bytes;
}

Bytes LeakingFullDll() {
  PeSpec spec = LeakySpecWithDelete();
  // Room for a stub of 60 to 70 bytes, and then not for a record of about 90.
  constexpr uint32_t kStubRoom = 100;
  Grow(spec, 0, Slack(spec, ".text") - kStubRoom);
  Grow(spec, 1, Slack(spec, ".data"));
  // Long names fill the sections that the builder makes; 24 bytes are for the
  // table entries of each.
  const uint32_t imports = Slack(spec, ".idata");
  if (imports >= kFileAlignment) throw std::logic_error("imports too large");
  spec.imports[0].functions.push_back(std::string(imports - 24, 'I'));
  const uint32_t exports = Slack(spec, ".edata");
  spec.exports.push_back({std::string(exports - 24, 'X'), "entry"});
  for (const char* name : {".idata", ".edata"}) {
    if (Slack(spec, name) > 40) throw std::logic_error("a section has room");
  }
  spec.relocations = false;
  return BuildPe(spec).bytes;
}

}  // namespace detachfix::test
