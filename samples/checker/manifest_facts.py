# SPDX-License-Identifier: Apache-2.0
"""Whether the manifest tells the truth about each file, as far as the file
itself can show it, and whether the set covers what it has to."""

import hashlib

WRITABLE = 0x80000000
SECTION_BYTES = 24  # RTL_CRITICAL_SECTION where pointers have 32 bits
LEVELS = {"c": ["-O0", "-O1", "-O2", "-O3", "-Os"],
          "alpha-c": ["-O0", "-O1", "-O2", "-Os"]}
# Shapes that a family of look-alikes has to hold, leaking and fixed.
LOOK_ALIKES = {
    "nt4": {"switch", "if_chain", "dec_jz", "work", "helper", "thunk",
            "register"},
    "alpha-nt4": {"switch", "if_chain", "chain", "work", "helper", "thunk",
                  "register", "select", "failing", "startup"},
}
FAMILIES = (*LEVELS, *LOOK_ALIKES)
MACHINES = {0x14c: "i386", 0x184: "alpha"}
SIBLINGS = {
    "kernel32.dll!DeleteCriticalSection": "ntdll.dll!RtlDeleteCriticalSection",
    "ntdll.dll!RtlDeleteCriticalSection": "kernel32.dll!DeleteCriticalSection",
}


def imported_names(image):
    # pefile gives a name to known ordinals; the file does not.
    return {f"{descriptor.dll.decode().lower()}!" +
            (f"#{function.ordinal}" if function.import_by_ordinal
             else function.name.decode())
            for descriptor in getattr(image, "DIRECTORY_ENTRY_IMPORT", [])
            for function in descriptor.imports}


def check(findings, entry, image):
    name = entry["name"]
    content = bytes(image.__data__)
    findings.equal(name, "size", len(content), entry["size"])
    findings.equal(name, "SHA-256", hashlib.sha256(content).hexdigest(),
                   entry["sha256"])
    findings.true(name, "CheckSum right", image.verify_checksum())
    findings.equal(name, "machine", MACHINES.get(image.FILE_HEADER.Machine),
                   entry["machine"])
    findings.equal(name, "relocatable",
                   not image.FILE_HEADER.Characteristics & 1 and
                   image.OPTIONAL_HEADER.DATA_DIRECTORY[5].Size > 0,
                   name != "forced-no-relocations")
    _check_imports(findings, entry, imported_names(image))
    _check_locks(findings, entry, image)
    _check_identity(findings, entry, image)


def _check_imports(findings, entry, imported):
    name = entry["name"]
    if entry["initialise_import"]:
        findings.true(name, f"{entry['initialise_import']} imported",
                      entry["initialise_import"] in imported)
    delete = entry["delete_import"]
    findings.equal(name, f"{delete} imported", delete in imported,
                   entry["delete_imported"])
    findings.equal(name, f"sibling of {delete} imported",
                   SIBLINGS.get(delete) in imported,
                   entry["sibling_delete_imported"])
    needed = {call for calls in entry["other_calls"].values()
              for call in calls}
    if entry["attach_fail"]:
        needed.add(entry["attach_fail"]["import"])
    findings.equal(name, "calls that are not imported",
                   sorted(needed - imported), [])
    findings.equal(name, "answers for what is not imported",
                   [n for n in entry["import_returns"]
                    if n not in imported and n != delete], [])


def _check_locks(findings, entry, image):
    name, locks = entry["name"], entry["critical_sections"]
    leaked = [lock for lock in locks if lock["leaked"]]
    findings.equal(name, "leaked_per_cycle", entry["leaked_per_cycle"],
                   len(leaked) + entry["heap_sections"]["leaked"])
    if entry["verdict"] == "leaks":
        findings.true(name, "something leaked", leaked)
    if entry["verdict"] == "fixed":
        findings.true(name, "something made, nothing leaked",
                      locks and not leaked)
        findings.true(name, "delete imported", entry["delete_imported"])
    if entry["verdict"] == "not-applicable":
        findings.equal(name, "sections", locks, [])
    findings.equal(name, "fixed_by", entry["fixed_by"],
                   "vendor" if entry["verdict"] == "fixed" else None)
    for lock in locks:
        findings.equal(name, f"{lock['symbol']} leaked", lock["leaked"],
                       "detach" not in lock["deleted_on"])
        home = image.get_section_by_rva(lock["rva"])
        end = home.VirtualAddress + home.Misc_VirtualSize if home else 0
        findings.true(name, f"{lock['symbol']} in writable memory",
                      home and home.Characteristics & WRITABLE and
                      lock["rva"] + SECTION_BYTES <= end)
    rvas = sorted(lock["rva"] for lock in locks)
    findings.true(name, "sections apart", all(
        low + SECTION_BYTES <= high for low, high in zip(rvas, rvas[1:])))


def _check_identity(findings, entry, image):
    name, directory = entry["name"], image.DIRECTORY_ENTRY_EXPORT
    exports = {symbol.name.decode() for symbol in directory.symbols}
    findings.true(name, "probe exported", entry["probe"]["export"] in exports)
    own = directory.name.decode().lower()
    is_target = (own in ("security.dll", "secur128.dll") and
                 "InitSecurityInterfaceA" in exports)
    findings.equal(name, "identity", own if is_target else None,
                   entry["identity"])


def check_coverage(findings, entries):
    """What the set has to hold."""
    names = [entry["name"] for entry in entries]
    findings.equal("manifest", "names twice",
                   sorted({n for n in names if names.count(n) > 1}), [])
    for family, levels in LEVELS.items():
        _check_c_coverage(findings, family, levels, [
            e for e in entries if e["family"] == family])
    for family, shapes in LOOK_ALIKES.items():
        _check_nt4_coverage(findings, family, shapes, [
            e for e in entries if e["family"] == family])
    for family in FAMILIES:
        fails = {e["attach_fail"]["sections_initialised"] for e in entries
                 if e["family"] == family and e["attach_fail"]}
        findings.equal("manifest", f"failing attaches in {family}",
                       sorted(fails), [0, 1])


def _check_c_coverage(findings, family, levels, entries):
    for shape in sorted({e["shape"] for e in entries}):
        found = {e["flags"][0] for e in entries if e["shape"] == shape}
        findings.equal("manifest", f"levels of {family} {shape}",
                       sorted(found), levels)
    findings.equal("manifest", f"verdicts of {family}",
                   sorted({e["verdict"] for e in entries}),
                   ["fixed", "leaks", "not-applicable", "unknown"])


def _check_nt4_coverage(findings, family, wanted, entries):
    leaking = {(e["initialise_import"].split("!")[0], e["delete_imported"])
               for e in entries if e["verdict"] == "leaks"}
    findings.equal("manifest", f"DLL and delete import, leaking {family}",
                   sorted(leaking), [("kernel32.dll", False),
                                     ("kernel32.dll", True),
                                     ("ntdll.dll", False),
                                     ("ntdll.dll", True)])
    fixed = {e["initialise_import"].split("!")[0] for e in entries
             if e["verdict"] == "fixed"}
    findings.equal("manifest", f"DLLs of fixed {family}", sorted(fixed),
                   ["kernel32.dll", "ntdll.dll"])
    editions = {e["nt4"]["edition"]["crypto_bits"] for e in entries}
    findings.equal("manifest", f"crypto editions of {family}",
                   sorted(editions), [40, 56, 128])
    for kind in ("leaks", "fixed"):
        shapes = {e["shape"] for e in entries if e["verdict"] == kind}
        findings.equal("manifest", f"shapes without {family} that {kind}",
                       sorted(wanted - shapes), [])
