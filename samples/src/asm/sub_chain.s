# SPDX-License-Identifier: Apache-2.0
# The switch of the compilers of the time: sub and dec, a jz behind each, in a
# frame.
.include "dll.inc"
_DllMain@12:
    push ebp
    mov ebp, esp
    mov eax, [ebp+frame_reason]
    sub eax, 0
    jz detach
    dec eax
    jz attach
    sub eax, 1
    jz thread
    jmp leave
attach:
    initialise _g_lock
    jmp leave
detach:
    delete _g_lock
    jmp leave
thread:
    push 7
    call dword ptr [__imp__SetLastError@4]
leave:
    mov eax, 1
    pop ebp
    ret 12

    probe _g_lock
section _g_lock
