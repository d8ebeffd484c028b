# SPDX-License-Identifier: Apache-2.0
# A switch as a chain of decrements. THREADS lets thread reasons be seen.
.include "idiom.inc"
    frame
    mov eax, [ebp+reason]
    sub eax, 0
    je on_detach
    dec eax
    je on_attach
.ifdef THREADS
    dec eax
    je on_thread_attach
    dec eax
    je on_thread_detach
.endif
done:
    mov eax, 1
    pop ebp
    ret 12
.ifdef THREADS
on_thread_attach:
    push 0x20000002
    jmp tell
on_thread_detach:
    push 0x20000003
tell:
    call dword ptr ["__imp__SetLastError@4"]
    jmp done
.endif
on_attach:
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp done
on_detach:
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    jmp done
