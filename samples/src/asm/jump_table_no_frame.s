# SPDX-License-Identifier: Apache-2.0
# A jump table in read-only data that is indexed by bytes from a second table,
# as compilers write a sparse switch; no frame, registers saved.
.include "dll.inc"
_DllMain@12:
    push esi
    mov esi, [esp+4+reason]
    cmp esi, 3
    ja leave
    movzx eax, byte ptr [rows+esi]
    jmp dword ptr [table+eax*4]
detach:
    delete _g_lock
    jmp leave
attach:
    initialise _g_lock
leave:
    mov eax, 1
    pop esi
    ret 12

    probe _g_lock
    .section .rdata, "dr"
    .p2align 2
table:
    .long attach, detach, leave
rows:
    .byte 1, 0, 2, 2
    .text
section _g_lock
