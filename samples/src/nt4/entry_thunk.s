# SPDX-License-Identifier: Apache-2.0
# The import library's thunks: call, then jmp [slot].
.include "idiom.inc"
    frame
    cmp dword ptr [ebp+reason], 1
    jne not_attach
    push offset _SspiLock
    call init_thunk
    jmp done
not_attach:
    cmp dword ptr [ebp+reason], 0
    jne done
.ifdef VENDOR_FIX
    push offset _SspiLock
    call delete_thunk
.endif
done:
    mov eax, 1
    pop ebp
    ret 12
