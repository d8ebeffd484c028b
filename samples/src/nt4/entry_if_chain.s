# SPDX-License-Identifier: Apache-2.0
# A chain of comparisons of the argument itself.
.include "idiom.inc"
    frame
    push ebx
    push esi
    push edi
    cmp dword ptr [ebp+reason], 1
    jne not_attach
    mov eax, [ebp+module]
    mov [_SspiModule], eax
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp done
not_attach:
    cmp dword ptr [ebp+reason], 0
    jne done
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    mov dword ptr [_SspiModule], 0
done:
    mov eax, 1
    jmp leave_it
leave_it:
    pop edi
    pop esi
    pop ebx
    end_frame
    ret 12

.bss
_SspiModule: .long 0
