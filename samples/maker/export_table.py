# SPDX-License-Identifier: Apache-2.0
"""The export directory and the debug directory, as assembly.

The look-alikes' names: those that public material calls exports of NT 4.0's
Security.dll (MSDN "SSPI", KB Q183958, CNTLM's sspi.c), and those of later
systems' security.dll (Wine, security.spec) without the ones that came with
Windows 2000. Ordinals are in no document; these count from 1 in the order of
the names.
"""

from maker.dialect import I386

# Name: bytes of arguments (sspi.h).
SSPI = {
    "AcceptSecurityContext": 36,
    "AcquireCredentialsHandleA": 36,
    "AcquireCredentialsHandleW": 36,
    "ApplyControlToken": 8,
    "CompleteAuthToken": 8,
    "DeleteSecurityContext": 4,
    "EnumerateSecurityPackagesA": 8,
    "EnumerateSecurityPackagesW": 8,
    "FreeContextBuffer": 4,
    "FreeCredentialsHandle": 4,
    "ImpersonateSecurityContext": 4,
    "InitSecurityInterfaceA": 0,
    "InitSecurityInterfaceW": 0,
    "InitializeSecurityContextA": 48,
    "InitializeSecurityContextW": 48,
    "MakeSignature": 16,
    "QueryContextAttributesA": 12,
    "QueryContextAttributesW": 12,
    "QueryCredentialsAttributesA": 12,
    "QueryCredentialsAttributesW": 12,
    "QuerySecurityContextToken": 8,
    "QuerySecurityPackageInfoA": 8,
    "QuerySecurityPackageInfoW": 8,
    "RevertSecurityContext": 4,
    "SealMessage": 16,
    "UnsealMessage": 16,
    "VerifySignature": 16,
}


def debug_source(dialect=I386):
    """Assembly of the debug directory; its one entry is filled when the file
    is laid out."""
    name = dialect.name("debug_directory")
    return "\n".join([dialect.section(".rdata$debug", "r"), f".globl {name}",
                      f"{name}:", ".space 28"]) + "\n"


def source(dll_name, stamp, functions, dialect=I386):
    """Assembly of the export directory. `functions` are symbols by name."""
    names = sorted(functions)
    directory = dialect.name("export_directory")
    lines = [dialect.section(".rdata$export", "r"), ".p2align 2",
             f".globl {directory}, {directory}_end", f"{directory}:",
             f".long 0, {stamp:#x}, 0", dialect.rva("export_dll_name"),
             f".long 1, {len(names)}, {len(names)}",
             dialect.rva("export_functions", "export_names",
                         "export_ordinals"), "export_functions:"]
    lines += [dialect.rva(functions[name]) for name in names]
    lines += ["export_names:"]
    lines += [dialect.rva(f"export_{name}") for name in names]
    lines += ["export_ordinals:"] + [f".short {i}" for i in range(len(names))]
    lines += [f'export_dll_name: .asciz "{dll_name}"']
    lines += [f'export_{name}: .asciz "{name}"' for name in names]
    return "\n".join(lines + [f"{directory}_end:"]) + "\n"


def sspi_source(dll_name, stamp, dialect=I386):
    """Both directories of a look-alike."""
    functions = {name: dialect.name(name, arguments)
                 for name, arguments in SSPI.items()}
    return debug_source(dialect) + source(dll_name, stamp, functions, dialect)
