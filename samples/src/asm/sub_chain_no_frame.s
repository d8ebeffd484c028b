# SPDX-License-Identifier: Apache-2.0
# sub and dec with a jz behind each, without a frame, and an exit for each case.
.include "dll.inc"
_DllMain@12:
    mov eax, [esp+reason]
    sub eax, 0
    jz detach
    sub eax, 1
    jz attach
    dec eax
    jz thread
    mov al, 1
    ret 12
attach:
    initialise _g_lock
    mov eax, 1
    ret 12
detach:
    delete _g_lock
    mov eax, 1
    ret 12
thread:
    push 7
    call dword ptr [__imp__SetLastError@4]
    mov eax, 1
    ret 12

    probe _g_lock
section _g_lock
