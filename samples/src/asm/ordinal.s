# SPDX-License-Identifier: Apache-2.0
# Attach and detach call a function that is imported by ordinal: ntohl, which is
# number 14 of Winsock (Windows Sockets 1.1 specification, appendix A.3). The
# file does not say how many arguments it takes off the stack.
.include "dll.inc"
_DllMain@12:
    push ebp
    mov ebp, esp
    cmp dword ptr [ebp+frame_reason], 1
    jne not_attach
    push 0x1020304
    call dword ptr [__imp__ntohl@4]
    mov _g_order, eax
    initialise _g_lock
    jmp leave
not_attach:
    cmp dword ptr [ebp+frame_reason], 0
    jne leave
    push _g_order
    call dword ptr [__imp__ntohl@4]
    delete _g_lock
leave:
    mov eax, 1
    mov esp, ebp
    pop ebp
    ret 12

    probe _g_lock
    .lcomm _g_order, 4, 4
section _g_lock
