# SPDX-License-Identifier: Apache-2.0
# A jump table in the code, behind the function, in a frame.
.include "dll.inc"
_DllMain@12:
    push ebp
    mov ebp, esp
    mov ecx, [ebp+frame_reason]
    cmp ecx, 3
    ja leave
    jmp dword ptr [table+ecx*4]
detach:
    delete _g_lock
    jmp leave
attach:
    initialise _g_lock
    jmp leave
thread:
    push ecx
    call dword ptr [__imp__SetLastError@4]
leave:
    mov eax, 1
    mov esp, ebp
    pop ebp
    ret 12
    .p2align 2, 0xcc
table:
    .long detach, attach, thread, thread

    probe _g_lock
section _g_lock
