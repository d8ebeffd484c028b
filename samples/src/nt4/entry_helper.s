# SPDX-License-Identifier: Apache-2.0
# Attach and detach are functions of their own that answer a BOOL.
.include "idiom.inc"
    frame
    push ebx
    mov ebx, 1
    mov eax, [ebp+reason]
    sub eax, 0
    je on_detach
    dec eax
    jne done
    mov eax, [ebp+module]
    push eax
    call set_up
    mov ebx, eax
    jmp done
on_detach:
    call tear_down
done:
    mov eax, ebx
    pop ebx
    pop ebp
    ret 12

    .p2align 4, 0xcc
set_up:
    frame
    cmp dword ptr [ebp+8], 0
    jne has_module
    xor eax, eax
    jmp set_up_end
has_module:
    push offset _SspiLock
    call dword ptr [init_slot]
    mov dword ptr [_SspiReady], 1
    mov eax, 1
set_up_end:
    pop ebp
    ret 4

    .p2align 4, 0xcc
tear_down:
    cmp dword ptr [_SspiReady], 0
    je tear_down_end
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    mov dword ptr [_SspiReady], 0
tear_down_end:
    ret

.bss
_SspiReady: .long 0
