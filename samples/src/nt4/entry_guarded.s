# SPDX-License-Identifier: Apache-2.0
# Deletes the section on detach, unless the process ends (lpvReserved is not
# NULL): a fix as Microsoft's DllMain documentation asks for.
.include "idiom.inc"
    frame
    mov eax, [ebp+reason]
    sub eax, 0
    je on_detach
    dec eax
    jne done
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp done
on_detach:
    cmp dword ptr [ebp+reserved], 0
    jne done
    push offset _SspiLock
    call dword ptr [delete_slot]
done:
    mov eax, 1
    pop ebp
    ret 12
