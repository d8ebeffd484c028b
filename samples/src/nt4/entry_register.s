# SPDX-License-Identifier: Apache-2.0
# Two sections, initialised through a register that is loaded once.
.include "idiom.inc"
    push esi
    mov eax, [esp+12]
    sub eax, 0
    je on_detach
    dec eax
    jne done
    mov esi, [init_slot]
    push offset _SspiLock
    call esi
    push offset _SspiListLock
    call esi
    mov eax, 1
    pop esi
    ret 12
on_detach:
.ifdef VENDOR_FIX
    mov esi, [delete_slot]
    push offset _SspiListLock
    call esi
    push offset _SspiLock
    call esi
.endif
done:
    mov eax, 1
    pop esi
    ret 12

.bss
.globl _SspiListLock
    .p2align 2
_SspiListLock: .space 24
