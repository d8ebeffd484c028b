# SPDX-License-Identifier: Apache-2.0
# The import slot is loaded into a register once and called through it twice.
.include "dll.inc"
_DllMain@12:
    push ebp
    mov ebp, esp
    push esi
    push edi
    cmp dword ptr [ebp+frame_reason], 1
    jne not_attach
    mov esi, dword ptr [__imp__InitializeCriticalSection@4]
    mov edi, offset _g_lock
    push edi
    call esi
    push offset _g_list_lock
    call esi
    jmp leave
not_attach:
    cmp dword ptr [ebp+frame_reason], 0
    jne leave
.ifdef VENDOR_FIX
    mov esi, dword ptr [__imp__DeleteCriticalSection@4]
    mov edi, offset _g_lock
    push edi
    call esi
    push offset _g_list_lock
    call esi
.endif
leave:
    pop edi
    pop esi
    mov eax, 1
    leave
    ret 12

    probe _g_lock
section _g_lock
section _g_list_lock
