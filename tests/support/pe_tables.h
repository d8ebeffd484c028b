// SPDX-License-Identifier: Apache-2.0
// The tables of a PE file, each as a blob with references. Layouts are those
// of the PE/COFF specification and winnt.h.
#ifndef DETACHFIX_TESTS_SUPPORT_PE_TABLES_H_
#define DETACHFIX_TESTS_SUPPORT_PE_TABLES_H_

#include "tests/support/pe_blob.h"

namespace detachfix::test {

/// Import descriptors, lookup tables, names, slots (labels "DLL!function").
/// Labels "import.begin"/".end", "iat.begin"/".end" bound the directories.
Blob ImportTables(const PeSpec& spec);

/// The new-style bound import table that stands behind the section headers.
Blob BoundImportTable(const PeSpec& spec);

/// Labels "export.begin", "export.end".
Blob ExportTables(const PeSpec& spec);

/// Debug directory ("debug.begin"/".end", its record at file offset
/// `record_offset`) and TLS directory ("tls.begin"/".end").
Blob DebugAndTlsTables(const PeSpec& spec, uint32_t record_offset);

/// The IMAGE_DEBUG_MISC record that stands after the last section.
Blob DebugMiscRecord(const std::string& dbg_name);

/// Resource tree with one VERSIONINFO ("resource.begin"/".end").
Blob VersionTables(const PeSpec& spec);

/// Base relocation blocks for HIGHLOW relocations at `rvas`, ascending.
Blob RelocationTable(const std::vector<uint32_t>& rvas);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_PE_TABLES_H_
