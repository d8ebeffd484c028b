// SPDX-License-Identifier: Apache-2.0
// Debug directory, TLS directory and version resource.
#include "tests/support/pe_tables.h"

namespace detachfix::test {

Blob DebugMiscRecord(const std::string& dbg_name) {
  // IMAGE_DEBUG_MISC of winnt.h; 0x110 bytes as the linker's stripping wrote
  // it (12 bytes and a name of 260).
  Blob blob;
  blob.U32(1);      // IMAGE_DEBUG_MISC_EXENAME
  blob.U32(0x110);  // Length
  blob.U32(0);      // Unicode, Reserved
  blob.Text(dbg_name);
  blob.Zero(0x110 - blob.size());
  return blob;
}

Blob DebugAndTlsTables(const PeSpec& spec, uint32_t record_offset) {
  Blob blob;
  if (spec.debug_misc) {
    blob.Label("debug.begin");
    blob.U32(0, "Debug[0].Characteristics");
    blob.U32(spec.time_date_stamp, "Debug[0].TimeDateStamp");
    blob.U32(0);  // version
    blob.U32(4, "Debug[0].Type");
    blob.U32(0x110, "Debug[0].SizeOfData");
    blob.U32(0, "Debug[0].AddressOfRawData");
    blob.U32(record_offset, "Debug[0].PointerToRawData");
    blob.Label("debug.end");
  }
  if (!spec.tls_callbacks.empty()) {
    blob.Align(4);
    blob.Label("tls.begin");
    blob.Ref(Reference::kVa, "tls.index", "Tls.StartAddressOfRawData");
    blob.Ref(Reference::kVa, "tls.index", "Tls.EndAddressOfRawData");
    blob.Ref(Reference::kVa, "tls.index", "Tls.AddressOfIndex");
    blob.Ref(Reference::kVa, "tls.callbacks", "Tls.AddressOfCallBacks");
    blob.U32(0, "Tls.SizeOfZeroFill");
    blob.U32(0, "Tls.Characteristics");
    blob.Label("tls.end");
    blob.Label("tls.callbacks");
    for (const std::string& place : spec.tls_callbacks) {
      blob.Ref(Reference::kVa, place);
    }
    blob.U32(0);
    blob.Label("tls.index");
    blob.U32(0);
  }
  return blob;
}

namespace {

// Writes the length field of a VERSIONINFO node that began at `begin`.
void CloseNode(Blob& blob, uint32_t begin) {
  const uint32_t length = blob.size() - begin;
  blob.bytes[begin] = static_cast<uint8_t>(length);
  blob.bytes[begin + 1] = static_cast<uint8_t>(length >> 8);
}

uint32_t OpenNode(Blob& blob, const std::string& key, uint32_t value_length,
                  uint32_t type, const std::string& field) {
  blob.Align(4);
  const uint32_t begin = blob.size();
  blob.U16(0, field + ".wLength");
  blob.U16(value_length, field + ".wValueLength");
  blob.U16(type, field + ".wType");
  blob.Utf16(key);
  blob.Align(4);
  return begin;
}

Blob VersionInfo(const PeSpec& spec) {
  Blob blob;
  const uint32_t root = OpenNode(blob, "VS_VERSION_INFO", 52, 0, "Version");
  blob.U32(0xfeef04bd, "Version.dwSignature");
  blob.U32(0x10000);
  blob.Zero(44);
  const uint32_t info = OpenNode(blob, "StringFileInfo", 0, 1, "Strings");
  const uint32_t table = OpenNode(blob, "040904B0", 0, 1, "StringTable");
  for (const auto& [key, value] : spec.version) {
    const uint32_t length = static_cast<uint32_t>(value.size() + 1);
    const uint32_t node = OpenNode(blob, key, length, 1, "String." + key);
    blob.Utf16(value);
    CloseNode(blob, node);
  }
  CloseNode(blob, table);
  CloseNode(blob, info);
  CloseNode(blob, root);
  return blob;
}

// One directory with one entry by number.
void AddDirectory(Blob& blob, uint32_t id, uint32_t target) {
  blob.Zero(12);
  blob.U16(0);
  blob.U16(1, "Resource[" + std::to_string(id) + "].NumberOfIdEntries");
  blob.U32(id);
  blob.U32(target, "Resource[" + std::to_string(id) + "].OffsetToData");
}

}  // namespace

Blob VersionTables(const PeSpec& spec) {
  // Type 16 (RT_VERSION), name 1, language 0x409: three directories of 24
  // bytes, then the data entry.
  Blob blob;
  blob.Label("resource.begin");
  AddDirectory(blob, 16, 0x80000000 + 24);
  AddDirectory(blob, 1, 0x80000000 + 48);
  AddDirectory(blob, 0x409, 72);
  blob.Ref(Reference::kRva, "resource.version", "Resource.OffsetToData");
  const Blob info = VersionInfo(spec);
  blob.U32(info.size(), "Resource.Size");
  blob.Zero(8);
  blob.Label("resource.version");
  for (const auto& [name, field] : info.fields) {
    blob.fields[name] = {blob.size() + field.offset, field.size};
  }
  blob.bytes.insert(blob.bytes.end(), info.bytes.begin(), info.bytes.end());
  blob.Label("resource.end");
  return blob;
}

}  // namespace detachfix::test
