// SPDX-License-Identifier: Apache-2.0
// Bytes with references that are filled in once all addresses are known.
#ifndef DETACHFIX_TESTS_SUPPORT_PE_BLOB_H_
#define DETACHFIX_TESTS_SUPPORT_PE_BLOB_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/pe_builder.h"

namespace detachfix::test {

enum class Reference { kVa, kRva, kRelative32, kRelative8 };

struct Fixup {
  uint32_t offset = 0;
  Reference kind = Reference::kVa;
  std::string place;
};

struct Blob {
  std::vector<uint8_t> bytes;
  std::vector<Fixup> fixups;
  std::map<std::string, uint32_t> labels;  ///< offset of each
  std::map<std::string, Field> fields;     ///< offset within the blob

  uint32_t size() const { return static_cast<uint32_t>(bytes.size()); }
  void Label(const std::string& name);
  void Zero(uint32_t count);
  void Align(uint32_t alignment, uint8_t fill = 0);
  void U8(uint32_t value, const std::string& field = "");
  void U16(uint32_t value, const std::string& field = "");
  void U32(uint32_t value, const std::string& field = "");
  void Ref(Reference kind, const std::string& place,
           const std::string& field = "");
  void Text(const std::string& text);   ///< with a zero after it
  void Utf16(const std::string& text);  ///< ASCII, with a zero after it
};

/// The content language of pe_builder.h.
Blob ParseContent(const std::string& content);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_PE_BLOB_H_
