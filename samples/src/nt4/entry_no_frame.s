# SPDX-License-Identifier: Apache-2.0
# Optimised, without a frame: a chain of decrements on [esp+8], and an exit of
# its own behind each case.
.include "idiom.inc"
    mov eax, [esp+8]
    sub eax, 0
    je on_detach
    dec eax
    jne done
    push offset _SspiLock
    call dword ptr [init_slot]
    mov eax, 1
    ret 12
on_detach:
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    mov eax, 1
    ret 12
done:
    mov eax, 1
    ret 12
