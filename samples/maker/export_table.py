# SPDX-License-Identifier: Apache-2.0
"""The export directory and the debug directory of a look-alike, as assembly.

Names: those that public material calls exports of NT 4.0's Security.dll (MSDN
"SSPI", KB Q183958, CNTLM's sspi.c), and those of later systems' security.dll
(Wine, security.spec) without the ones that came with Windows 2000. Ordinals
are in no document; these count from 1 in the order of the names.
"""

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


def source(dll_name, stamp):
    """Assembly of both directories; the debug directory's one entry is filled
    when the file is laid out."""
    names = sorted(SSPI)
    lines = ['.section .rdata$debug, "dr"', ".globl _debug_directory",
             "_debug_directory:", ".space 28", '.section .rdata$export, "dr"',
             ".p2align 2",
             ".globl _export_directory, _export_directory_end",
             "_export_directory:", f".long 0, {stamp:#x}, 0",
             ".rva export_dll_name", f".long 1, {len(names)}, {len(names)}",
             ".rva export_functions, export_names, export_ordinals",
             "export_functions:"]
    lines += [f".rva _{name}@{SSPI[name]}" for name in names]
    lines += ["export_names:"] + [f".rva export_{name}" for name in names]
    lines += ["export_ordinals:"] + [f".short {i}" for i in range(len(names))]
    lines += [f'export_dll_name: .asciz "{dll_name}"']
    lines += [f'export_{name}: .asciz "{name}"' for name in names]
    return "\n".join(lines + ["_export_directory_end:"]) + "\n"
