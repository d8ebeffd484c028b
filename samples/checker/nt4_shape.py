# SPDX-License-Identifier: Apache-2.0
"""What is published of NT 4.0's Security.dll, and whether the look-alikes have
it. Nothing here is taken from the generator: the numbers are those of the
Knowledge Base articles named, read through python3-pefile.
"""

import pefile

# Sizes of the shipped files, bytes. For SP2 no size is published: it is what
# the published header adds up to, with 0x400 bytes of headers and the debug
# record that the other sizes point to.
SIZES = {
    "sp2": (0x400 + 0x7800 + 0x2e00 + 0x110, "sum of KB Q153658"),
    "sp3": (45328, "KB Q172965, KB Q196699"),
    "sp5": (58640, "KB Q235373"),
    "sp6a-128": (59152, "KB Q322051"),
    "sp6a-56": (59152, "KB Q322051"),
    "q238185": (59664, "KB Q238185"),
    "alpha-q238185": (99600, "KB Q238185"),
}

DOMESTIC = "NtLm Security Support Provider Client DLL (Domestic Use Only)"
DESCRIPTIONS = {
    40: "NtLm Security Support Provider Client DLL (Export Version)",
    128: DOMESTIC,
}

# The header that KB Q153658 prints, field by field.
Q153658_FILE = {
    "Machine": 0x14c, "NumberOfSections": 6, "TimeDateStamp": 0x3338158d,
    "PointerToSymbolTable": 0, "NumberOfSymbols": 0x2d7,
    "SizeOfOptionalHeader": 0xe0, "Characteristics": 0x2302,
}
Q153658_OPTIONAL = {
    "Magic": 0x10b, "MajorLinkerVersion": 3, "MinorLinkerVersion": 10,
    "SizeOfCode": 0x7800, "SizeOfInitializedData": 0x2e00,
    "SizeOfUninitializedData": 0, "AddressOfEntryPoint": 0x1000,
    "BaseOfCode": 0x1000, "BaseOfData": 0x9000, "ImageBase": 0x46480000,
}
# The fields of it that say how the file was made, not what is in it.
EACH_FILE = ("Machine", "NumberOfSections", "PointerToSymbolTable",
             "SizeOfOptionalHeader", "Characteristics")
EACH_OPTIONAL = ("Magic", "MajorLinkerVersion", "MinorLinkerVersion",
                 "SizeOfUninitializedData", "AddressOfEntryPoint",
                 "BaseOfCode")

# Exports that public material names for NT 4.0 callers: MSDN (SSPI), KB
# Q183958, the list of CNTLM's sspi.c.
NAMED_EXPORTS = {
    b"InitSecurityInterfaceA", b"InitSecurityInterfaceW",
    b"AcceptSecurityContext", b"AcquireCredentialsHandleA",
    b"AcquireCredentialsHandleW", b"CompleteAuthToken",
    b"DeleteSecurityContext", b"FreeContextBuffer", b"FreeCredentialsHandle",
    b"InitializeSecurityContextA", b"InitializeSecurityContextW",
    b"QuerySecurityPackageInfoA", b"QuerySecurityPackageInfoW",
    b"QuerySecurityContextToken",
}
# Came with Windows 2000.
LATER_EXPORTS = {b"EncryptMessage", b"DecryptMessage", b"AddSecurityPackageA",
                 b"ExportSecurityContext", b"ImportSecurityContextA"}

MISC_SIZE = 0x110
WRITABLE, EXECUTABLE = 0x80000000, 0x20000000


def check(findings, entry, image):
    """`image` is the pefile.PE of the sample that `entry` describes."""
    name = entry["name"]
    _check_header(findings, name, entry, image)
    findings.equal(name, "pefile's warnings", image.get_warnings(), [])
    _check_sections(findings, name, image)
    check_either_machine(findings, entry, image)


def check_either_machine(findings, entry, image):
    """What is published without a machine, or for each."""
    name = entry["name"]
    _check_size(findings, name, entry, image)
    _check_imports(findings, name, entry, image)
    _check_exports(findings, name, entry, image)
    _check_version(findings, name, entry, image)


def _check_header(findings, name, entry, image):
    coff, optional = image.FILE_HEADER, image.OPTIONAL_HEADER
    whole = entry["nt4"]["rebased"]
    for field, value in Q153658_FILE.items():
        if whole or field in EACH_FILE:
            findings.equal(name, field, getattr(coff, field), value,
                           "KB Q153658")
    for field, value in Q153658_OPTIONAL.items():
        if whole or field in EACH_OPTIONAL:
            findings.equal(name, field, getattr(optional, field), value,
                           "KB Q153658")
    if not whole:
        findings.equal(name, "ImageBase", optional.ImageBase, 0x77a80000,
                       "KB Q153658")
        findings.equal(name, "TimeDateStamp", coff.TimeDateStamp,
                       entry["nt4"]["stamp"])
    findings.equal(name, "FileAlignment", optional.FileAlignment, 0x200)
    findings.equal(name, "SectionAlignment", optional.SectionAlignment, 0x1000)
    findings.equal(name, "SizeOfHeaders", optional.SizeOfHeaders, 0x400)
    findings.equal(name, "DllCharacteristics", optional.DllCharacteristics, 0)
    findings.true(name, "CheckSum set", optional.CheckSum)


def _check_size(findings, name, entry, image):
    size, source = SIZES[entry["nt4"]["layout"]]
    length = len(image.__data__)
    findings.equal(name, "size", length, size, source)
    findings.equal(name, "size modulo 0x200", length % 0x200, MISC_SIZE,
                   "all published sizes")
    findings.equal(name, "overlay", image.get_overlay_data_start_offset(),
                   length - MISC_SIZE)
    debug = image.DIRECTORY_ENTRY_DEBUG
    findings.equal(name, "debug entries", len(debug), 1)
    findings.equal(name, "debug entry",
                   (debug[0].struct.Type, debug[0].struct.SizeOfData,
                    debug[0].struct.AddressOfRawData,
                    debug[0].struct.PointerToRawData),
                   (4, MISC_SIZE, 0, length - MISC_SIZE), "winnt.h")


def _check_sections(findings, name, image):
    sections = image.sections
    code = sum(s.SizeOfRawData for s in sections
               if s.Characteristics & EXECUTABLE)
    findings.equal(name, "executable raw size", code,
                   image.OPTIONAL_HEADER.SizeOfCode)
    rva, raw = 0x1000, 0x400
    for section in sections:
        label = section.Name.rstrip(b"\0").decode()
        findings.equal(name, f"address of {label}", section.VirtualAddress,
                       rva)
        findings.equal(name, f"offset of {label}", section.PointerToRawData,
                       raw)
        rva += (section.Misc_VirtualSize + 0xfff) & ~0xfff
        raw += section.SizeOfRawData
    findings.equal(name, "SizeOfImage", image.OPTIONAL_HEADER.SizeOfImage, rva)
    first = sections[0]
    findings.true(name, "slack behind the code", 0 < first.SizeOfRawData -
                  first.Misc_VirtualSize < 0x200)
    findings.true(name, "base relocations",
                  len(image.DIRECTORY_ENTRY_BASERELOC) > 3)


def _directory(image, index):
    entry = image.OPTIONAL_HEADER.DATA_DIRECTORY[index]
    return entry.VirtualAddress, entry.Size


def _check_imports(findings, name, entry, image):
    start, _ = _directory(image, 1)
    home = image.get_section_by_rva(start)
    findings.true(name, "import section writable",
                  home.Characteristics & WRITABLE)
    for index in (0, 2, 5, 6):
        findings.true(name, f"directory {index} outside the import section",
                      not home.contains_rva(_directory(image, index)[0]))
    stamp = 0xffffffff if entry["nt4"]["bound"] else 0
    for descriptor in image.DIRECTORY_ENTRY_IMPORT:
        dll = descriptor.dll.decode()
        findings.equal(name, f"stamp of {dll}",
                       descriptor.struct.TimeDateStamp, stamp, "winnt.h")
        findings.true(name, f"lookup table of {dll}",
                      descriptor.struct.OriginalFirstThunk)
        for function in descriptor.imports:
            findings.equal(name, f"{function.name.decode()} bound",
                           (function.bound or 0) >> 20,
                           0x77f if entry["nt4"]["bound"] else 0)
    _check_bound_directory(findings, name, entry, image)
    has_table = _directory(image, 12) != (0, 0)
    findings.equal(name, "import-address-table directory", has_table,
                   entry["nt4"]["address_table_directory"])


def _check_bound_directory(findings, name, entry, image):
    start, size = _directory(image, 11)
    if not entry["nt4"]["bound"]:
        findings.equal(name, "bound imports", (start, size), (0, 0))
        return
    table_end = (image.sections[-1].get_file_offset() + 40)
    findings.equal(name, "bound imports at", start, table_end)
    findings.true(name, "bound imports in the headers", start + size <= 0x400)
    findings.equal(name, "bound DLLs",
                   [b.name for b in image.DIRECTORY_ENTRY_BOUND_IMPORT],
                   [d.dll for d in image.DIRECTORY_ENTRY_IMPORT])


def _check_exports(findings, name, entry, image):
    directory = image.DIRECTORY_ENTRY_EXPORT
    names = {symbol.name for symbol in directory.symbols}
    findings.equal(name, "exports missing", sorted(NAMED_EXPORTS - names), [],
                   "MSDN, KB Q183958, CNTLM")
    findings.equal(name, "later exports", sorted(LATER_EXPORTS & names), [])
    findings.equal(name, "export name", directory.name.decode(),
                   entry["nt4"]["export_name"])
    code = image.sections[0]
    findings.true(name, "exports in the code section", all(
        code.contains_rva(symbol.address) for symbol in directory.symbols))


def _check_version(findings, name, entry, image):
    strings = version_strings(image)
    edition = entry["nt4"]["edition"]
    bits, found = edition["crypto_bits"], strings.get("FileDescription")
    if bits in DESCRIPTIONS:
        findings.equal(name, "description", found, DESCRIPTIONS[bits],
                       "KB Q176820")
    else:
        findings.equal(name, "crypto bits", bits, 56, "KB Q250867")
        findings.true(name, "description of its own",
                      found and found not in DESCRIPTIONS.values())
    findings.equal(name, "description published",
                   edition["description_published"], bits in DESCRIPTIONS)
    findings.equal(name, "FileVersion", strings.get("FileVersion"), "4.00",
                   "KB Q196699")


def version_strings(image):
    """The StringFileInfo of VERSIONINFO, or nothing."""
    return {key.decode(): value.decode()
            for group in getattr(image, "FileInfo", []) for block in group
            if hasattr(block, "StringTable")
            for table in block.StringTable
            for key, value in table.entries.items()}


def check_memory_only(findings, images):
    """Critical sections lie behind the file's part of .data in some samples,
    and in that part in others: both have to be in the set."""
    kinds = set()
    for entry, image in images:
        for lock in entry["critical_sections"]:
            home = image.get_section_by_rva(lock["rva"])
            inside = lock["rva"] - home.VirtualAddress
            kinds.add(inside >= home.SizeOfRawData)
    findings.equal("look-alikes", "sections in memory only", sorted(kinds),
                   [False, True])


def check_rebased(findings, original, rebased):
    """Beside base, stamp and checksum, REBASE changes exactly the words that
    base relocations name. Both are (manifest entry, pefile.PE)."""
    name, image = rebased[0]["name"], rebased[1]
    delta = 0x46480000 - 0x77a80000
    expected = pefile.PE(data=bytes(original[1].__data__))
    for block in expected.DIRECTORY_ENTRY_BASERELOC:
        for word in block.entries:
            if word.type == 3:
                value = expected.get_dword_at_rva(word.rva)
                expected.set_dword_at_rva(word.rva,
                                          (value + delta) & 0xffffffff)
    expected.OPTIONAL_HEADER.ImageBase = 0x46480000
    expected.FILE_HEADER.TimeDateStamp = 0x3338158d
    expected.OPTIONAL_HEADER.CheckSum = image.OPTIONAL_HEADER.CheckSum
    findings.true(name, "as REBASE leaves it",
                  bytes(expected.write()) == bytes(image.__data__))
    findings.true(name, "checksum of its own", image.OPTIONAL_HEADER.CheckSum
                  != original[1].OPTIONAL_HEADER.CheckSum)
